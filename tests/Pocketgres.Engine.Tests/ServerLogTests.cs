using Pocketgres.Engine.Logging;

namespace Pocketgres.Engine.Tests;

/// <summary>What the server writes to stderr, taken apart.</summary>
public class ServerLogTests
{
    private const string Start = "\u000149\u0002client backend\u0002alice\u0002shop\u000242P01\u0003";

    [Fact]
    public void Continuations_belong_to_their_message()
    {
        var entry = Assert.Single(ServerLog.Parse($"{Start}ERROR:  relation \"t\" does not exist at character 15\n{Start}STATEMENT:  select * \n\tfrom t\n"));
        Assert.Equal(new ServerLogEntry("ERROR", "42P01", 49, "client backend", "alice", "shop",
            "relation \"t\" does not exist at character 15\nSTATEMENT: select * \nfrom t"), entry);
    }

    [Fact]
    public void Several_messages_in_one_write_stay_apart()
    {
        var entries = ServerLog.Parse($"{Start}LOG:  one\n{Start}WARNING:  two: three\n{Start}HINT:  four\n");
        Assert.Equal(["one", "two: three\nHINT: four"], entries.Select(e => e.Message));
        Assert.Equal(["LOG", "WARNING"], entries.Select(e => e.Severity));
    }

    [Fact]
    public void Output_without_a_prefix_is_kept()
    {
        var entry = Assert.Single(ServerLog.Parse("postgres: something before the log was set up\n"));
        Assert.Equal("", entry.Severity);
        Assert.Equal("postgres: something before the log was set up", entry.ToString());
    }
}
