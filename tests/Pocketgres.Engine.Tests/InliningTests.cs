using System.Reflection;
using System.Runtime.CompilerServices;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Tests;

/// <summary>A function that the compiler of C inlines somewhere is there without what the host puts before or in place of it, and no build would notice.</summary>
public sealed class InliningTests
{
    // Not PostgreSQL's: eng/engine/server.c passes calls on to these, and the C library has memcmp. Both are compiled apart from all callers.
    private static bool IsElsewhere(string function) => function.StartsWith("statement_", StringComparison.Ordinal) || function == "memcmp";

    [Fact]
    public void What_the_host_stands_before_is_not_inlined()
    {
        var hooked = typeof(ClusterOptions).Assembly.GetTypes().SelectMany(t => t.GetMethods(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static))
            .SelectMany(m => m.GetCustomAttributes()).SelectMany(Functions).Where(f => !IsElsewhere(f)).Append("stack_is_too_deep"); // PostgresPatches
        var listed = File.ReadLines(Path.Combine(Repository(), "eng/engine/noinline")).TakeWhile(line => !line.StartsWith("# Called by", StringComparison.Ordinal)).Where(line => !line.StartsWith('#'));
        Assert.Equal(hooked.Distinct().Order(StringComparer.Ordinal), listed.Order(StringComparer.Ordinal));
    }

    private static string[] Functions(Attribute mark) => mark switch
    {
        EntryHookAttribute hook => [hook.Function],
        FunctionReplacementAttribute replacement => [replacement.Function],
        CallReplacementAttribute call => [call.Caller, call.Callee],
        StackDepthCheckAttribute check => [check.Function],
        _ => [],
    };

    private static string Repository([CallerFilePath] string path = "") => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(path)!, "../.."));
}
