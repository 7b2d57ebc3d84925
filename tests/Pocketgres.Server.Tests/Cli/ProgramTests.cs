using System.Diagnostics;
using System.Text.RegularExpressions;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Cli;

/// <summary>PostgreSQL's programs as commands of `pocketgres`: each does and prints what the native one does, with the same server.</summary>
public sealed partial class ProgramTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    TestServer Server => fixture.Server;

    [OursTheory]
    [InlineData("-c", "select 1 as x, 'ä' as y, null")]
    [InlineData("-c", "select nothing")]
    [InlineData("-v", "ON_ERROR_STOP=1", "-c", "\\d pg_am", "-c", "\\l nothing", "-c", "select 1/0", "-c", "select 2")]
    [InlineData("-At", "-c", "\\! echo a command; exit 3", "-c", "\\echo :SHELL_EXIT_CODE")]
    [InlineData("-c", "\\setenv A 'b c'", "-c", "\\! echo \"$A\"")]
    [InlineData("-At", "-c", "select generate_series(1, 3)", "-c", "\\g | sort -r")]
    [InlineData("-c", "\\copy (select 1) to program 'cat; exit 2'")]
    [InlineData("-c", "\\x", "-c", "\\i /no/such")]
    [InlineData("-P", "nothing", "-c", "select 1")]
    [InlineData("--help")]
    [InlineData("-p", "1", "-c", "select 1")]
    [InlineData("-d", "nowhere")]
    public async Task Psql(params string[] arguments)
    {
        ToolResult native = await Server.RunAsync("psql", ["-X", .. arguments]);
        ToolResult ours = await RunAsync("psql", ["-X", .. arguments]);
        Assert.Equal((native.ExitCode, native.Output, native.Error), (ours.ExitCode, ours.Output, ours.Error));
    }

    [OursTheory] // docs/limits.md: nobody is connected to without what the URL asks for
    [InlineData("psql", "require")]
    [InlineData("psql", "verify-full")]
    [InlineData("dump", "verify-full")]
    public async Task Where_the_URL_asks_for_TLS_the_programs_refuse(string program, string mode)
    {
        ToolResult result = await RunAsync(program, [$"postgres://postgres@{TestServer.Host}:{Server.Port}/postgres?sslmode={mode}"]);
        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains($"sslmode value \"{mode}\" invalid when SSL support is not compiled in", result.Error, StringComparison.Ordinal);
    }

    [OursFact]
    public async Task Psql_reads_its_standard_input()
    {
        const string script = "create temp table t (a int, b text);\ncopy t from stdin;\n1\tx\n2\ty\n\\.\ntable t;\n\\q\nnever";
        ToolResult native = await Server.RunAsync("psql", ["-X"], input: script), ours = await RunAsync("psql", ["-X"], input: script);
        Assert.Equal((native.ExitCode, native.Output, native.Error), (ours.ExitCode, ours.Output, ours.Error));
        Assert.Contains("(2 rows)", ours.Output, StringComparison.Ordinal);
    }

    [OursFact]
    public async Task Files_are_the_users_with_the_users_umask_and_directory()
    {
        using var directory = new TemporaryDirectory();
        string command = $"umask 027; cd '{directory.Path}'; exec dotnet exec '{CliServer.CliPath}' psql -X -At -c '\\copy (select 5) to five' -c '\\! cat five'";
        ToolResult result = (await Tool.RunAsync("/bin/sh", ["-c", command], Server.Environ())).Succeeded();
        Assert.Equal("COPY 1\n5\n", result.Output);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, File.GetUnixFileMode(directory.Combine("five")));
    }

    [OursFact]
    public async Task The_user_and_the_time_zone_are_the_hosts()
    {
        Dictionary<string, string> environment = new(Server.Environ()) { ["TZ"] = "Europe/Berlin" };
        environment.Remove("PGUSER");
        string[] arguments = ["-X", "-c", "\\conninfo"];
        ToolResult native = await Tool.RunAsync(Workspace.Pg18("psql"), arguments, environment);
        ToolResult ours = await Tool.RunAsync("dotnet", ["exec", CliServer.CliPath, "psql", .. arguments], environment);
        Assert.Equal((native.ExitCode, native.Output, native.Error), (ours.ExitCode, ours.Output, ours.Error)); // "role ... does not exist", as a rule
        ours = await Tool.RunAsync("dotnet", ["exec", CliServer.CliPath, "pg_dump", "-U", "postgres", "-v", "-t", "pg_am"], environment);
        Assert.Matches("-- Started on .* CES?T", ours.Output);
    }

    [OursFact]
    public async Task A_reader_that_goes_away_ends_it_by_sigpipe()
    {
        string command = $"set -o pipefail; dotnet exec '{CliServer.CliPath}' psql -X -At -c 'select generate_series(1, 1000000)' | head -n 1";
        ToolResult result = await Tool.RunAsync("bash", ["-c", command], Server.Environ());
        Assert.Equal((141, "1\n"), (result.ExitCode, result.Output));
    }

    [OursFact]
    public async Task An_interrupt_cancels_the_statement()
    {
        ProcessStartInfo start = new("dotnet", ["exec", CliServer.CliPath, "psql", "-X", "-c", "select pg_sleep(600) /* interrupted */"]) { RedirectStandardError = true };
        foreach ((string name, string value) in Server.Environ())
        {
            start.Environment[name] = value;
        }

        using Process psql = Process.Start(start)!;
        using var end = new EndOfProcess(psql);
        await using NpgsqlConnection connection = await Server.OpenAsync();
        await Wait.UntilAsync(async () => await connection.ScalarAsync<long>("select count(*) from pg_stat_activity where query like '%/* interrupted */' and wait_event = 'PgSleep'") == 1, "the statement runs");
        Signals.Send(psql.Id, Signals.Interrupt);
        string error = await Wait.ForAsync(psql.StandardError.ReadToEndAsync(), "the end");
        await psql.WaitForExitAsync();
        Assert.Equal((1, "Cancel request sent\nERROR:  canceling statement due to user request\n"), (psql.ExitCode, error));
    }

    [OursFact]
    public async Task A_password_is_asked_for_on_the_terminal_without_echo()
    {
        // script(1) gives it a terminal.
        string command = $"dotnet exec '{CliServer.CliPath}' psql -X -At -W -c 'select 5' -c '\\! test -t 0 && echo a terminal'";
        ProcessStartInfo start = new("script", ["-qefc", command, "/dev/null"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach ((string name, string value) in Server.Environ())
        {
            start.Environment[name] = value;
        }

        start.Environment["PAGER"] = "cat"; // a terminal without a size has no room for one line
        using Process script = Process.Start(start)!;
        using var end = new EndOfProcess(script);
        string output = "";
        var one = new char[1];
        while (!output.EndsWith("Password: ", StringComparison.Ordinal))
        {
            Assert.Equal(1, await Wait.ForAsync(script.StandardOutput.ReadAsync(one, 0, 1), "the prompt"));
            output += one[0];
        }

        await script.StandardInput.WriteAsync("secret\n");
        await script.StandardInput.FlushAsync();
        output += await Wait.ForAsync(script.StandardOutput.ReadToEndAsync(), "the end");
        await script.WaitForExitAsync();
        Assert.Equal((0, "Password: \n5\na terminal\n"), (script.ExitCode, output.ReplaceLineEndings("\n")));
    }

    [OursTheory]
    [InlineData("c", 1)]
    [InlineData("t", 1)]
    [InlineData("d", 4)]
    public async Task Dumps_are_those_of_the_native_program(string format, int jobs)
    {
        using var directory = new TemporaryDirectory();
        string database = await CreateRichDatabaseAsync("rich_" + format), native = directory.Combine("native"), ours = directory.Combine("ours");
        string[] arguments = ["-F", format, "-j", $"{jobs}", "-d", database, "-f"];
        (await Server.RunAsync("pg_dump", [.. arguments, native])).Succeeded();
        (await RunAsync("pg_dump", [.. arguments, ours])).Succeeded();
        string expected = await ScriptAsync(Workspace.Pg18("pg_restore"), [], native);
        Assert.Equal(expected, await ScriptAsync(Workspace.Pg18("pg_restore"), [], ours));
        Assert.Equal(expected, await ScriptAsync("dotnet", ["exec", CliServer.CliPath, "pg_restore"], native));

        // And back into another database, by several processes.
        (await RunAsync("createdb", [database + "_copy"])).Succeeded();
        (await RunAsync("pg_restore", [.. format == "t" ? (string[])[] : ["-j", "3"], "-d", database + "_copy", ours])).Succeeded();
        string[] plain = ["--restrict-key=x", "-d"];
        Assert.Equal((await Server.RunAsync("pg_dump", [.. plain, database])).Succeeded().Output, (await Server.RunAsync("pg_dump", [.. plain, database + "_copy"])).Succeeded().Output);
        Assert.Equal(WithoutVersions((await Server.RunAsync("pg_dump", [.. plain, database])).Output), WithoutVersions((await RunAsync("pg_dump", [.. plain, database])).Succeeded().Output));
    }

    [OursFact]
    public async Task Pg_dumpall_runs_pg_dump()
    {
        await CreateRichDatabaseAsync("rich_all");
        string[] arguments = ["--restrict-key=x", "--exclude-database=rich_[cdt]*"];
        Assert.Equal(WithoutVersions((await Server.RunAsync("pg_dumpall", arguments)).Succeeded().Output), WithoutVersions((await RunAsync("pg_dumpall", arguments)).Succeeded().Output));
    }

    [OursFact]
    public async Task Pgbench_has_threads()
    {
        (await RunAsync("createdb", ["bench"])).Succeeded();
        (await RunAsync("pgbench", ["-i", "-q", "bench"])).Succeeded();
        ToolResult result = (await RunAsync("pgbench", ["-n", "-c", "4", "-j", "2", "-t", "50", "bench"])).Succeeded();
        Assert.Contains("number of threads: 2\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("number of transactions actually processed: 200/200\n", result.Output, StringComparison.Ordinal);
        Assert.Equal("200\n", (await RunAsync("psql", ["-X", "-At", "-d", "bench", "-c", "select count(*) from pgbench_history"])).Output);

        // What ends a thread ends the program.
        result = await RunAsync("pgbench", ["-n", "-c", "4", "-j", "4", "-t", "1", "-f", "/dev/stdin", "--exit-on-abort", "bench"], input: "select 1/0;\n");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("division by zero", result.Error, StringComparison.Ordinal);
    }

    [OursTheory]
    [InlineData("stream", "p")]
    [InlineData("fetch", "p")]
    [InlineData("stream", "t")]
    public async Task Backups_are_whole(string log, string format)
    {
        using var directory = new TemporaryDirectory();
        string backup = directory.Combine("backup");
        (await RunAsync("pg_basebackup", ["-D", backup, "-X", log, "-F", format, "-c", "fast"])).Succeeded();
        if (format == "t")
        {
            Assert.True(new FileInfo(Path.Combine(backup, "pg_wal.tar")).Length > 16 << 20);
            (await Tool.RunAsync(Workspace.Pg18("pg_verifybackup"), ["-n", backup])).Succeeded();
            return;
        }

        (await Tool.RunAsync(Workspace.Pg18("pg_verifybackup"), [backup])).Succeeded();
        (await RunAsync("pg_verifybackup", [backup])).Succeeded();
        await AssertEqualAsync("pg_controldata", [backup]);
        await AssertEqualAsync("pg_waldump", [Directory.GetFiles(Path.Combine(backup, "pg_wal"), "0000*").Order(StringComparer.Ordinal).First()]);
        await AssertEqualAsync("pg_checksums", ["--check", backup]);
    }

    [OursFact]
    public async Task Pg_receivewal_ends_with_an_interrupt()
    {
        using var directory = new TemporaryDirectory();
        ProcessStartInfo start = new("dotnet", ["exec", CliServer.CliPath, "pg_receivewal", "-D", directory.Path]);
        foreach ((string name, string value) in Server.Environ())
        {
            start.Environment[name] = value;
        }

        using Process receiver = Process.Start(start)!;
        using var end = new EndOfProcess(receiver);
        await using NpgsqlConnection connection = await Server.OpenAsync();
        await Wait.UntilAsync(async () => await connection.ScalarAsync<long>("select count(*) from pg_stat_replication where application_name = 'pg_receivewal' and state = 'streaming'") == 1, "it receives");
        await connection.ExecuteAsync("select pg_switch_wal(); create table after_switch ()");
        await Wait.UntilAsync(() => Directory.GetFiles(directory.Path).Any(f => Path.GetExtension(f).Length == 0), "a file is complete");
        Signals.Send(receiver.Id, Signals.Interrupt);
        Assert.True(await Patience.EndsAsync(receiver.WaitForExitAsync(), TimeSpan.FromSeconds(60)));
        Assert.Equal(0, receiver.ExitCode);
    }

    [OursFact]
    public async Task Pg_amcheck_and_the_scripts()
    {
        await CreateRichDatabaseAsync("rich_checked");
        (await RunAsync("psql", ["-X", "-d", "rich_checked", "-c", "create extension amcheck"])).Succeeded();
        await AssertEqualAsync("pg_amcheck", ["-d", "rich_checked", "-v"]);
        await AssertEqualAsync("pg_amcheck", ["-d", "rich_checked", "-j", "3"]);
        await AssertEqualAsync("vacuumdb", ["-d", "rich_checked", "-z", "-j", "2"]);
        await AssertEqualAsync("reindexdb", ["-d", "rich_checked"]);
        await AssertEqualAsync("pg_isready", []);
        await AssertEqualAsync("dropdb", ["no_such_database"]);
    }

    [OursFact]
    public async Task Initdb_makes_a_directory_that_native_postgresql_serves()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        (string program, string[] prefix) = ("dotnet", Array.Empty<string>());
        if (Environment.UserName == "root")
        {
            ToolResult refused = await RunAsync("initdb", ["-D", data]);
            Assert.Equal(1, refused.ExitCode);
            Assert.StartsWith("initdb: error: cannot be run as root\n", refused.Error, StringComparison.Ordinal);
            (await Tool.RunAsync("chown", ["nobody", directory.Path])).Succeeded();
            (program, prefix) = ("setpriv", ["--reuid=nobody", "--regid=nogroup", "--clear-groups", "env", "HOME=" + directory.Path, "dotnet"]);
        }

        ToolResult result = (await Tool.RunAsync(program, [.. prefix, "exec", CliServer.CliPath, "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"],
            new Dictionary<string, string> { ["LC_ALL"] = "C.UTF-8" }, workingDirectory: "/")).Succeeded();
        Assert.Contains("Success. You can now start the database server", result.Output, StringComparison.Ordinal);
        await using TestServer server = await NativeServer.StartAsync(new ServerOptions { DataDirectory = data });
        await using NpgsqlConnection connection = await server.OpenAsync();
        Assert.Equal("UTF8 on", await connection.ScalarAsync<string>("select current_setting('server_encoding') || ' ' || current_setting('data_checksums')"));
    }

    Task<ToolResult> RunAsync(string program, string[] arguments, string? input = null) =>
        Tool.RunAsync("dotnet", ["exec", CliServer.CliPath, program, .. arguments], Server.Environ(), input);

    async Task AssertEqualAsync(string program, string[] arguments)
    {
        ToolResult native = await Server.RunAsync(program, arguments), ours = await RunAsync(program, arguments);
        Assert.Equal((native.ExitCode, native.Output, native.Error), (ours.ExitCode, ours.Output, ours.Error));
    }

    async Task<string> CreateRichDatabaseAsync(string name)
    {
        (await RunAsync("createdb", [name])).Succeeded();
        (await RunAsync("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", name], """
            create type mood as enum ('sad', 'happy');
            create table a (id int primary key, t text, j jsonb, b bytea, n numeric(10,2)[], m mood, at timestamptz);
            insert into a select g, repeat(md5(g::text), 10), jsonb_build_object('x', g), decode(md5(g::text), 'hex'), array[g * 1.5], 'happy', '2026-01-01'::timestamptz + g * interval '1 hour'
                from generate_series(1, 2000) g;
            create table p (id int, a_id int references a) partition by range (id);
            create table p1 partition of p for values from (0) to (1000);
            insert into p select g, g + 1 from generate_series(0, 999) g;
            create index on p (a_id);
            create view v as select id, t from a where m = 'happy';
            create function f(int) returns int language plpgsql as $$ begin return $1 + 1; end $$;
            create sequence s start 7;
            select lo_from_bytea(4711, 'a large object');
            comment on table a is 'with ''quotes'' and ä';
            """)).Succeeded();
        return name;
    }

    // A test that fails leaves nothing running.
    sealed class EndOfProcess(Process process) : IDisposable
    {
        public void Dispose()
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    static async Task<string> ScriptAsync(string program, string[] prefix, string archive) =>
        WithoutVersions((await Tool.RunAsync(program, [.. prefix, "--restrict-key=x", "-f", "-", archive])).Succeeded().Output);

    // Debian's build adds its own version in parentheses.
    static string WithoutVersions(string dump) => VersionLine.Replace(dump, "");

    [GeneratedRegex("^-- Dumped (by|from) .*$", RegexOptions.Multiline)]
    private static partial Regex VersionLine { get; }
}
