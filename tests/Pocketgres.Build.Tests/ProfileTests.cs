using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text;
using Pocketgres.Build.Profiles;

namespace Pocketgres.Build.Tests;

public sealed class ProfileTests : IDisposable
{
    private const int EdgeCount = 0x181, ClassHistogram = 0xA1;

    // A method of this assembly, under the name .NET gives it.
    private static readonly string s_method = $"{typeof(ProfileTests).FullName}.{nameof(Dispose)}";

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Reads_counts_and_leaves_out_what_means_nothing_elsewhere()
    {
        var methods = ProfileText.Parse($"""
            *** START PGO Data, max index = 3 ***
            @@@ codehash 0x1 methodhash 0x2 ilSize 0x3 records 0x4
            MethodName: N.T.first
            Signature: void  (unsigned int8*)
            Schema InstrumentationKind {EdgeCount} ILOffset 13 Count 1 Other 19
            4000000000
            Schema InstrumentationKind {ClassHistogram} ILOffset 13 Count 2 Other 0
            1
            2
            Schema InstrumentationKind {EdgeCount} ILOffset 20 Count 1 Other 0
            7
            @@@ codehash 0x1 methodhash 0x2 ilSize 0x3 records 0x1
            MethodName: N.T.without_counts
            Signature: void  ()
            @@@ codehash 0x1 methodhash 0x2 ilSize 0x3 records 0x1
            MethodName: N.T.last
            Signature: void  ()
            Schema InstrumentationKind {EdgeCount} ILOffset 1 Count 1 Other 2
            0
            *** END PGO Data ***
            """.Split('\n'));
        Assert.Equal(["N.T.first", "N.T.last"], methods.Select(m => m.Name));
        Assert.Equal([new ProfileCounter(EdgeCount, 13, 19, 4_000_000_000), new ProfileCounter(EdgeCount, 20, 0, 7)], methods[0].Counters);
        Assert.Equal([new ProfileCounter(EdgeCount, 1, 2, 0)], methods[1].Counters);
    }

    [Fact]
    public void Writes_the_methods_of_one_assembly_and_their_counters()
    {
        var profile = new MethodProfile(s_method, [new ProfileCounter(EdgeCount, 13, 19, 4_000_000_000)]);
        var profiles = new Dictionary<string, MethodProfile> { [s_method] = profile, ["Elsewhere.T.m"] = profile with { Name = "Elsewhere.T.m" } };
        Assert.Equal(1, ProfileAssembly.Write(typeof(ProfileTests).Assembly.Location, profiles, directory["a.mibc"]));

        using var file = new PEReader(File.OpenRead(directory["a.mibc"]));
        var reader = file.GetMetadataReader();
        var reference = reader.GetMemberReference(Assert.Single(reader.MemberReferences));
        Assert.Equal(nameof(Dispose), reader.GetString(reference.Name));
        Assert.Equal(nameof(ProfileTests), reader.GetString(reader.GetTypeReference((TypeReferenceHandle)reference.Parent).Name));
        var methods = reader.MethodDefinitions.Select(h => reader.GetMethodDefinition(h)).ToDictionary(m => reader.GetString(m.Name), m => file.GetMethodBody(m.RelativeVirtualAddress).GetILBytes()!);
        Assert.Equal(["AssemblyDictionary", "Pocketgres.Build.Tests_1"], methods.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(
            "ldtoken ldstr(InstrumentationDataStart) 15 13 385 1 19 4000000000 ldstr(InstrumentationDataEnd) pop",
            Decode(reader, methods["Pocketgres.Build.Tests_1"]));
        Assert.Equal("ldstr(Pocketgres.Build.Tests;) ldtoken pop", Decode(reader, methods["AssemblyDictionary"]));
    }

    [Fact]
    public void An_assembly_none_of_whose_methods_ran_has_no_profile()
    {
        Assert.Equal(0, ProfileAssembly.Write(typeof(ProfileTests).Assembly.Location, new Dictionary<string, MethodProfile>(), directory["a.mibc"]));
        Assert.False(File.Exists(directory["a.mibc"]));
    }

    [Fact]
    public void A_function_that_is_also_inlined_has_one_profile_for_both_methods()
    {
        string decode = $"{typeof(ProfileTests).FullName}.{nameof(Decode)}";
        var profiles = new Dictionary<string, MethodProfile> { [decode] = new(decode, [new ProfileCounter(EdgeCount, 13, 19, 7)]) };
        Assert.Equal(2, ProfileAssembly.Write(typeof(ProfileTests).Assembly.Location, profiles, directory["a.mibc"]));

        using var file = new PEReader(File.OpenRead(directory["a.mibc"]));
        var reader = file.GetMetadataReader();
        var owners = reader.MemberReferences.Select(h => reader.GetMemberReference(h)).Select(r => reader.GetString(reader.GetTypeReference((TypeReferenceHandle)r.Parent).Name));
        Assert.Equal([nameof(Inlined), nameof(ProfileTests)], owners.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_training_program_that_fails_is_reported_with_its_message()
    {
        var e = Assert.Throws<BuildException>(() => TrainingRun.Run(directory["missing.dll"], directory["engine"], TrainingCounts.Edges, directory["edges.txt"]));
        Assert.Contains("missing.dll", e.Message, StringComparison.Ordinal);
    }

    private static string Decode(MetadataReader reader, byte[] il)
    {
        var text = new StringBuilder();
        for (int at = 0; at < il.Length;)
        {
            var code = (ILOpCode)il[at++];
            int operand = code switch { ILOpCode.Ldc_i4_s => 1, ILOpCode.Ldc_i8 => 8, ILOpCode.Ldtoken or ILOpCode.Ldstr or ILOpCode.Ldc_i4 => 4, _ => 0 };
            text.Append(code switch
            {
                ILOpCode.Ldtoken => "ldtoken",
                ILOpCode.Pop => "pop",
                ILOpCode.Ldstr => $"ldstr({reader.GetUserString(System.Reflection.Metadata.Ecma335.MetadataTokens.UserStringHandle(BitConverter.ToInt32(il, at) & 0xFFFFFF))})",
                ILOpCode.Ldc_i4_s => $"{(sbyte)il[at]}",
                ILOpCode.Ldc_i4 => $"{BitConverter.ToInt32(il, at)}",
                ILOpCode.Ldc_i8 => $"{BitConverter.ToInt64(il, at)}",
                >= ILOpCode.Ldc_i4_0 and <= ILOpCode.Ldc_i4_8 => $"{code - ILOpCode.Ldc_i4_0}",
                _ => throw new InvalidOperationException($"unexpected {code}"),
            }).Append(' ');
            at += operand;
        }

        return text.ToString().TrimEnd();
    }
}

/// <summary>A second method of the same name, as the translator makes them in a type of this name.</summary>
internal static class Inlined
{
    public static void Decode()
    {
    }
}
