using System.Reflection;
using System.Reflection.Emit;
using Pocketgres.Kernel;
using Pocketgres.Wasm.Tests.Support;

namespace Pocketgres.Wasm.Tests;

public class HostFunctionTests
{
    [Fact]
    public void MarksAreReadWithoutLoading()
    {
        Assert.True(TestHost.Functions.TryGet("host_mixed", out var mixed));
        var assembly = typeof(TestHost).Assembly.GetName();
        Assert.Equal(new HostFunction("host_mixed", assembly.Name!, assembly.Version!, typeof(TestHost).Namespace!, "TestHost", "Mixed", "dijfd"), mixed);
        Assert.True(TestHost.Functions.TryGet("nested_negate", out var nested));
        Assert.Equal("TestHost+Nested", nested.TypeName);
        Assert.False(TestHost.Functions.TryGet("no such", out _));
        Assert.True(TestHost.Functions.TryGet("locked", out var locked));
        Assert.Equal((false, true), (mixed.IsLocked, locked.IsLocked));
    }

    [Fact]
    public void DuplicatesFail()
    {
        string path = typeof(TestHost).Assembly.Location;
        var e = Assert.Throws<TranslationException>(() => HostFunctions.Load([path, path]));
        Assert.Contains("declared twice", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FingerprintDependsOnNamesAndSignatures()
    {
        var one = Generate("a", MethodAttributes.Public | MethodAttributes.Static, typeof(int), typeof(byte).MakePointerType(), typeof(int));
        var other = Generate("a", MethodAttributes.Public | MethodAttributes.Static, typeof(int), typeof(byte).MakePointerType(), typeof(long));
        var renamed = Generate("b", MethodAttributes.Public | MethodAttributes.Static, typeof(int), typeof(byte).MakePointerType(), typeof(int));
        string[] fingerprints = [.. new[] { one, one, other, renamed }.Select(f => f().Fingerprint)];
        Assert.Equal(fingerprints[0], fingerprints[1]);
        Assert.Equal(3, fingerprints.Distinct().Count());
        Assert.Matches("^[0-9a-f]{64}$", fingerprints[0]);
    }

    [Fact]
    public void UnsupportedMethodsFail()
    {
        const MethodAttributes Good = MethodAttributes.Public | MethodAttributes.Static;
        var pointer = typeof(byte).MakePointerType();
        Fails("must take byte*", Generate("x", Good, typeof(void)));
        Fails("must take byte*", Generate("x", Good, typeof(void), typeof(int)));
        Fails("must take byte*", Generate("x", Good, typeof(void), pointer, typeof(uint)));
        Fails("must take byte*", Generate("x", Good, typeof(string), pointer));
        Fails("must take byte*", Generate("x", Good, typeof(void), pointer, pointer));
        Fails("must be public", Generate("x", MethodAttributes.Public, typeof(void), pointer));
        Fails("must be public", Generate("x", MethodAttributes.Assembly | MethodAttributes.Static, typeof(void), pointer));
    }

    private static void Fails(string part, Func<HostFunctions> load)
    {
        var e = Assert.Throws<TranslationException>(load);
        Assert.Contains("\"x\"", e.Message, StringComparison.Ordinal);
        Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }

    /// <summary>Loads an assembly with one marked method, written to a temporary file for the purpose.</summary>
    private static Func<HostFunctions> Generate(string name, MethodAttributes attributes, Type result, params Type[] parameters) => () =>
    {
        var assembly = new PersistedAssemblyBuilder(new AssemblyName("Generated"), typeof(object).Assembly);
        var type = assembly.DefineDynamicModule("Generated").DefineType("Host", TypeAttributes.Public);
        var method = type.DefineMethod("Method", attributes, result, parameters);
        method.SetCustomAttribute(new CustomAttributeBuilder(typeof(HostFunctionAttribute).GetConstructor([typeof(string)])!, [name]));
        method.GetILGenerator().ThrowException(typeof(NotSupportedException));
        type.CreateType();
        string path = Path.GetTempFileName();
        try
        {
            assembly.Save(path);
            return HostFunctions.Load([path]);
        }
        finally
        {
            File.Delete(path);
        }
    };
}
