using Pocketgres.Engine.Shell;

namespace Pocketgres.Engine.Tests;

/// <summary>The simple command lines that initdb gives to system() and popen().</summary>
public class ShellCommandTests
{
    [Theory]
    [InlineData("\"/pocketgres/bin/postgres\" -V", "/pocketgres/bin/postgres|-V")]
    [InlineData("a 'b c' d\\ e \"f \\\"g\\\"\"", "a|b c|d e|f \"g\"")]
    [InlineData("\"a\"'b'c", "abc")]
    public void Words_are_unquoted(string line, string words) =>
        Assert.Equal(words.Split('|'), ShellCommand.TryParse(line)!.Arguments);

    [Fact]
    public void Redirections_are_taken_out()
    {
        var command = ShellCommand.TryParse("\"postgres\" --check < \"/dev/null\" > '/tmp/x y' 2>&1")!;
        Assert.Equal(["postgres", "--check"], command.Arguments);
        Assert.Equal("/dev/null", command.Input);
        Assert.Equal("/tmp/x y", command.Output);
        Assert.True(command.ErrorToOutput);
    }

    [Theory]
    [InlineData("cp %p /x && echo")]
    [InlineData("echo $HOME")]
    [InlineData("a | b")]
    [InlineData("echo `date`")]
    [InlineData("ls *.sql")]
    [InlineData("echo 'open")]
    [InlineData("   ")]
    public void What_needs_a_real_shell_is_left_to_one(string line) => Assert.Null(ShellCommand.TryParse(line));
}
