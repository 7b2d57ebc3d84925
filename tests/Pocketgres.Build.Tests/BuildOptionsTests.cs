using Pocketgres.Wasm;

namespace Pocketgres.Build.Tests;

public class BuildOptionsTests
{
    [Fact]
    public void Options_may_stand_before_and_after_the_command()
    {
        var options = BuildOptions.Parse(["--host", "a.dll", "all", "--postgres", "/pg", "--host", "b.dll", "--crossgen", "/c/", "--jobs", "3", "--rid", "linux-arm64"]);
        Assert.Equal("all", options.Command);
        Assert.Equal(["a.dll", "b.dll"], options.HostAssemblies);
        Assert.Equal("/c", options.CrossGen);
        Assert.Equal("/pg", options.Postgres);
        Assert.Equal(3, options.Jobs);
        Assert.Equal("linux-arm64", options.RuntimeIdentifier);
        Assert.True(options.ReadyToRun);
    }

    [Fact]
    public void Code_that_differs_is_asked_for()
    {
        Assert.Equal(CodeVariant.None, BuildOptions.Parse(["translate", "--postgres", "/pg", "--output", "/out"]).Variant);
        var options = BuildOptions.Parse(["translate", "--postgres", "/pg", "--output", "/out", "--fuzz-schedules", "--check-races", "--without-atomic", "atomic.fence"]);
        Assert.Equal(new CodeVariant { FuzzSchedules = true, CheckRaces = true, WithoutAtomic = "atomic.fence" }, options.Variant);
    }

    [Theory]
    [InlineData("no command")]
    [InlineData("unknown argument \"frobnicate\"", "frobnicate")]
    [InlineData("unknown argument \"images\"", "all", "images")]
    [InlineData("needs --postgres", "all")]
    [InlineData("needs --output", "translate", "--postgres", "/pg")]
    [InlineData("needs --crossgen", "all", "--postgres", "/pg")]
    [InlineData("--jobs needs a positive number", "all", "--jobs", "0")]
    [InlineData("--rid needs a value", "all", "--rid")]
    public void A_senseless_command_line_is_refused(string expected, params string[] args)
    {
        var e = Assert.Throws<BuildException>(() => BuildOptions.Parse(args));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }
}
