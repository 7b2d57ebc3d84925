using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pocketgres.Cli.Serve;
using Pocketgres.Engine.Logging;

namespace Pocketgres.Cli.Tests;

public class StandardErrorLoggerTests
{
    [Fact]
    public void Messages_come_in_order_stamped_and_indented_and_those_below_the_level_do_not()
    {
        var written = new StringBuilder();
        using (var logger = new StandardErrorLogger(LogLevel.Warning, text => written.Append(text)))
        {
            logger.Log(LogLevel.Error, default, "first\nDETAIL: more", null, (state, _) => state);
            logger.Write(LogLevel.Information, "not shown");
            logger.Write(LogLevel.Warning, "second");
        }

        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z first\n    DETAIL: more\n\S+Z pocketgres: second\n$", written.ToString());
    }

    [Fact]
    public void As_json_each_message_is_an_object_with_the_names_of_postgres_own_jsonlog()
    {
        var written = new StringBuilder();
        using (var logger = new StandardErrorLogger(LogLevel.Information, text => written.Append(text), json: true))
        {
            var entry = new ServerLogEntry("ERROR", "22012", 54, "client backend", "ann", "shop", "division by zero\nSTATEMENT: select \"1\"/0");
            logger.Log(LogLevel.Error, default, entry, null, (state, _) => state.ToString());
            var ready = new ServerLogEntry("LOG", "00000", 42, "postmaster", "", "", "ready");
            logger.Log(LogLevel.Information, default, ready, null, (state, _) => state.ToString());
            logger.Write(LogLevel.Warning, "second");
        }

        string[] lines = written.ToString().TrimEnd('\n').Split('\n');
        var first = JsonDocument.Parse(lines[0]).RootElement;
        Assert.Equal(
            ["timestamp", "error_severity", "pid", "backend_type", "user", "dbname", "state_code", "message"], first.EnumerateObject().Select(p => p.Name));
        Assert.Equal(("22012", 54, "division by zero\nSTATEMENT: select \"1\"/0"),
            (first.GetProperty("state_code").GetString(), first.GetProperty("pid").GetInt32(), first.GetProperty("message").GetString()));
        Assert.Equal(["timestamp", "error_severity", "pid", "backend_type", "message"], JsonDocument.Parse(lines[1]).RootElement.EnumerateObject().Select(p => p.Name));
        var own = JsonDocument.Parse(lines[2]).RootElement;
        Assert.Equal(("WARNING", "pocketgres: second"), (own.GetProperty("error_severity").GetString(), own.GetProperty("message").GetString()));
    }

    [Fact]
    public void Quiet_shows_nothing()
    {
        var written = new StringBuilder();
        using (var logger = new StandardErrorLogger(LogLevel.None, text => written.Append(text)))
        {
            Assert.False(logger.IsEnabled(LogLevel.Critical));
            logger.Write(LogLevel.Critical, "not shown");
        }

        Assert.Equal("", written.ToString());
    }

    [Fact]
    public void A_stalled_reader_stalls_nobody_and_what_is_dropped_is_counted()
    {
        const int Messages = 15_000;
        using var stalled = new ManualResetEventSlim();
        using var resume = new ManualResetEventSlim();
        var written = new StringBuilder();
        var logger = new StandardErrorLogger(LogLevel.Information, text =>
        {
            stalled.Set();
            resume.Wait();
            written.Append(text);
        });
        logger.Write(LogLevel.Information, "one that stalls");
        stalled.Wait();
        for (int i = 0; i < Messages; i++)
        {
            logger.Write(LogLevel.Information, "x");
        }

        resume.Set();
        logger.Dispose();
        string[] lines = written.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(1 + 10_000 + 1, lines.Length);
        Assert.EndsWith($"{Messages - 10_000} log messages were dropped, because nobody read them in time", lines[^1], StringComparison.Ordinal);
    }
}
