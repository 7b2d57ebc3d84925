using Pocketgres.Build.ReadyToRun;

namespace Pocketgres.Build.Tests;

/// <summary>With a stand-in for crossgen2: a script that writes "compiled " and its input.</summary>
public sealed class ReadyToRunCacheTests : IDisposable
{
    private const string Script = """
        #!/bin/sh
        rsp="${1#@}"
        input=$(head -n 1 "$rsp")
        output=$(sed -n 's/^-o://p' "$rsp")
        grep -q broken "$input" && { echo "cannot read $input" >&2; exit 3; }
        { printf 'compiled '; cat "$input"; } > "$output"
        """;

    private readonly TemporaryDirectory directory = new();

    public ReadyToRunCacheTests()
    {
        Directory.CreateDirectory(directory["crossgen/tools"]);
        Directory.CreateDirectory(directory["framework"]);
        File.WriteAllText(directory["framework/System.Private.CoreLib.dll"], "");
        File.WriteAllText(directory["crossgen/tools/crossgen2"], Script);
        File.SetUnixFileMode(directory["crossgen/tools/crossgen2"], UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    private ReadyToRunCache Cache(string rid = "linux-x64") => new(directory["cache"], Options(rid), TextWriter.Null);

    public void Dispose() => directory.Dispose();

    [Fact]
    public void Compiles_what_is_new_and_takes_the_rest_from_the_cache()
    {
        Assert.Equal((2, 0), Cache().CompileAll(Assemblies("first", ("a", "1"), ("b", "2")), []));
        Assert.Equal((1, 1), Cache().CompileAll(Assemblies("second", ("a", "1"), ("b", "3")), []));
        Assert.Equal("compiled 1", File.ReadAllText(directory["second/a.dll"]));
        Assert.Equal("compiled 3", File.ReadAllText(directory["second/b.dll"]));
        Assert.Equal((2, 0), Cache("linux-arm64").CompileAll(Assemblies("third", ("a", "1"), ("b", "3")), []));
    }

    [Fact]
    public void Another_profile_is_another_result_and_is_given_to_the_compiler()
    {
        File.WriteAllText(directory["crossgen/tools/crossgen2"], Script + "\ngrep -q mibc \"$rsp\" && printf ' with %s' \"$(sed -n 's/^--mibc://p' \"$rsp\" | xargs cat)\" >> \"$output\"; true");
        Assert.Equal((2, 0), Cache().CompileAll(Assemblies("first", ("a", "1"), ("b", "2")), []));
        Directory.CreateDirectory(directory["profiles"]);
        foreach (string profile in (string[])["p", "q"])
        {
            File.WriteAllText(directory["profiles/a.mibc"], profile);
            Assert.Equal((1, 1), Cache().CompileAll(Assemblies(profile, ("a", "1"), ("b", "2")), [], directory["profiles"]));
            Assert.Equal($"compiled 1 with {profile}", File.ReadAllText(directory[$"{profile}/a.dll"]));
        }
    }

    [Fact]
    public void What_shall_stay_as_it_is_stays()
    {
        Assert.Equal((1, 0), Cache().CompileAll(Assemblies("first", ("a", "1"), ("b", "2")), [], leftAsIL: new HashSet<string> { "b" }));
        Assert.Equal("compiled 1", File.ReadAllText(directory["first/a.dll"]));
        Assert.Equal("2", File.ReadAllText(directory["first/b.dll"]));
    }

    [Fact]
    public void Prune_removes_what_no_kept_directory_uses()
    {
        Cache().CompileAll(Assemblies("first", ("a", "1"), ("b", "2")), []);
        Cache().CompileAll(Assemblies("second", ("a", "1"), ("b", "3")), []);
        Cache().Prune([directory["second"]]);
        Assert.Equal((1, 1), Cache().CompileAll(Assemblies("third", ("a", "1"), ("b", "2")), []));
    }

    [Fact]
    public void A_failing_compiler_is_reported_with_its_message_and_leaves_nothing_in_the_cache()
    {
        var e = Assert.Throws<BuildException>(() => Cache().CompileAll(Assemblies("first", ("a", "some"), ("b", "broken")), []));
        Assert.Contains("b.dll", e.Message, StringComparison.Ordinal);
        Assert.Contains("cannot read", e.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(directory["cache"]));
    }

    [Fact]
    public void A_missing_compiler_is_named()
    {
        File.Delete(directory["crossgen/tools/crossgen2"]);
        var e = Assert.Throws<BuildException>(() => Cache().CompileAll(Assemblies("first", ("a", "1")), []));
        Assert.Contains("crossgen2 is missing", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("linux-riscv64")]
    [InlineData("linux")]
    [InlineData("beos-x64")]
    public void An_unknown_target_is_refused(string rid)
    {
        var e = Assert.Throws<BuildException>(() => Options(rid).Target);
        Assert.Contains(rid, e.Message, StringComparison.Ordinal);
    }

    private CrossGenOptions Options(string rid) => new()
    {
        PackageDirectory = directory["crossgen"],
        FrameworkDirectory = directory["framework"],
        RuntimeIdentifier = rid,
    };

    private string Assemblies(string name, params ReadOnlySpan<(string Name, string Content)> assemblies)
    {
        Directory.CreateDirectory(directory[name]);
        foreach (var (assembly, content) in assemblies)
        {
            File.WriteAllText(directory[$"{name}/{assembly}.dll"], content);
        }

        return directory[name];
    }
}
