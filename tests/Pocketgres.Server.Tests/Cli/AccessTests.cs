using System.IO.Compression;
using System.Text;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Cli;

/// <summary>Who is let in, and what a new cluster is made with.</summary>
public sealed class AccessTests : IDisposable
{
    readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [OursFact]
    public async Task A_password_a_user_a_database_and_scripts_make_a_cluster_once()
    {
        string init = Directory.CreateDirectory(_directory.Combine("init")).FullName;
        await File.WriteAllTextAsync(Path.Combine(init, "10-tables.sql"), """
            create table a (x int, t text);
            create function one() returns int language sql begin atomic select case when true then 1 else 2 end; end;
            select * from pg_class limit 1; -- has a type without a binary form
            copy a (x, t) from stdin;
            1	one;
            2	two\\
            \.
            create database other;
            \connect other
            create table elsewhere ();
            """);
        await File.WriteAllBytesAsync(Path.Combine(init, "20-more.sql.gz"), Compress("create table b as select one() as v;"));
        await File.WriteAllTextAsync(Path.Combine(init, "30-shell.sh"), "echo \"$PGUSER $PGDATABASE $POSTGRES_DB\"; test -S \"$PGHOST/.s.PGSQL.$PGPORT\"");
        await File.WriteAllTextAsync(Path.Combine(init, "README"), "not run");
        string data = _directory.Combine("data");
        string[] arguments = ["serve", "file:" + data, "--port", "0", "--host", "0.0.0.0", "--password-file", PasswordFile("it's \"secret\""), "--init", init, "-c", "log_statement=all"];
        var environment = new Dictionary<string, string> { ["POSTGRES_USER"] = "app", ["POSTGRES_DB"] = "shop" };
        for (int round = 1; round <= 2; round++)
        {
            await using CliServer server = await CliServer.StartAsync(arguments, environment: environment);
            Assert.Contains("postgres://app@127.0.0.1:", server.ReadyLine, StringComparison.Ordinal);
            await using (NpgsqlConnection connection = await OpenAsync(server, "app", "it's \"secret\"", "shop"))
            {
                Assert.Equal("one;two\\", await connection.ScalarAsync<string>("select string_agg(t, '' order by x) from a"));
                Assert.Equal(1, await connection.ScalarAsync<int>("select v from b"));
                Assert.Equal(10L, await connection.ScalarAsync<long>("select oid::bigint from pg_roles where rolname = current_user and rolsuper"));
                Assert.Equal(0L, await connection.ScalarAsync<long>("select count(*) from pg_roles where rolname ~ '^(postgres|pocketgres)'"));
            }

            await using (NpgsqlConnection other = await OpenAsync(server, "app", "it's \"secret\"", "other"))
            {
                Assert.Equal(1L, await other.ScalarAsync<long>("select count(*) from pg_class where relname = 'elsewhere'"));
            }

            await OpenAsync(server, "app", "wrong", "shop").FailsAsync("28P01");
            Assert.Equal(round == 1, server.Log.Contains("30-shell.sh: app shop shop"));
            Assert.Equal(round == 1, server.Log.Contains("ignoring README"));
            Assert.False(server.Log.Contains("secret"), "the log has the password");
            Assert.Equal(0, await server.StopAsync());
        }
    }

    [OursFact]
    public async Task A_script_that_fails_leaves_nothing_that_looks_like_a_cluster()
    {
        string init = Directory.CreateDirectory(_directory.Combine("init")).FullName;
        string script = Path.Combine(init, "1.sql");
        await File.WriteAllTextAsync(script, "create table a ();\nselect 1;\nselect nonsense;\n");
        string data = _directory.Combine("data");
        string[] arguments = ["serve", "file:" + data, "--port", "0", "--init", init];
        ToolResult failed = await CliServer.RunToEndAsync(arguments);
        Assert.Equal(1, failed.ExitCode);
        Assert.Contains("1.sql line 3: column \"nonsense\" does not exist", failed.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(data));

        await File.WriteAllTextAsync(script, "\\i other.sql");
        Assert.Contains("\\i is a command of psql's own", (await CliServer.RunToEndAsync(arguments)).Error, StringComparison.Ordinal);

        File.Move(script, script = Path.Combine(init, "1.sh"));
        await File.WriteAllTextAsync(script, "exit 7");
        Assert.Contains("1.sh ended with exit code 7", (await CliServer.RunToEndAsync(arguments)).Error, StringComparison.Ordinal);

        await File.WriteAllTextAsync(script, "exit 0");
        await using CliServer server = await CliServer.StartAsync(arguments);
        await using NpgsqlConnection connection = await server.OpenAsync();
        Assert.Equal(0L, await connection.ScalarAsync<long>("select count(*) from pg_class where relname = 'a'"));
    }

    [OursFact]
    public async Task A_kill_during_the_scripts_leaves_a_directory_to_start_over_in()
    {
        string init = Directory.CreateDirectory(_directory.Combine("init")).FullName, flag = _directory.Combine("flag"), data = _directory.Combine("data");
        await File.WriteAllTextAsync(Path.Combine(init, "1.sh"), $"test -e {flag}.again || {{ touch {flag}; exec sleep 600; }}");
        string[] arguments = ["serve", "file:" + data, "--port", "0", "--init", init];
        using (System.Diagnostics.Process process = CliServer.StartProcess(arguments))
        {
            await Wait.UntilAsync(() => File.Exists(flag), "the script runs");
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
        }

        Assert.False(File.Exists(Path.Combine(data, "PG_VERSION")));
        await File.WriteAllTextAsync(flag + ".again", "");
        await using CliServer server = await CliServer.StartAsync(arguments);
        await using NpgsqlConnection connection = await server.OpenAsync();
        Assert.Equal(1, await connection.ScalarAsync<int>("select 1"));
        Assert.True(File.Exists(Path.Combine(data, "PG_VERSION")));
    }

    [OursFact]
    public async Task Beyond_loopback_somebody_must_have_decided_who_is_let_in()
    {
        string data = _directory.Combine("data");
        string[] outside = ["serve", "file:" + data, "--port", "0", "--host", "0.0.0.0"];
        ToolResult refused = await CliServer.RunToEndAsync(outside);
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains("--password-file", refused.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(data));

        await using (CliServer inside = await CliServer.StartAsync(["serve", "file:" + data, "--port", "0"]))
        {
            Assert.Equal(0, await inside.StopAsync());
        }

        refused = await CliServer.RunToEndAsync(outside);
        Assert.Equal(3, refused.ExitCode);
        Assert.Contains(Path.Combine(data, "pg_hba.conf"), refused.Error, StringComparison.Ordinal);

        await File.AppendAllTextAsync(Path.Combine(data, "pg_hba.conf"), "host all all 10.0.0.0/8 trust\n");
        await using CliServer server = await CliServer.StartAsync(outside);
        Assert.True(server.Log.Contains("without a password"), server.Log.Tail);
    }

    [OursFact]
    public async Task Initdb_takes_its_arguments_and_a_cluster_in_memory_its_password()
    {
        var environment = new Dictionary<string, string> { ["POSTGRES_INITDB_ARGS"] = "--encoding=LATIN1 --locale=C --no-data-checksums", ["POSTGRES_PASSWORD"] = "p" };
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0"], environment: environment);
        await using NpgsqlConnection connection = await OpenAsync(server, "postgres", "p", "postgres");
        Assert.Equal("LATIN1 off", await connection.ScalarAsync<string>("select current_setting('server_encoding') || ' ' || current_setting('data_checksums')"));
        await OpenAsync(server, "postgres", "q", "postgres").FailsAsync("28P01");

        ToolResult refused = await CliServer.RunToEndAsync(new Dictionary<string, string> { ["POSTGRES_INITDB_ARGS"] = "--encoding=KLINGON" }, "serve", "memory:", "--port", "0");
        Assert.Contains("KLINGON", refused.Error, StringComparison.Ordinal);
        Assert.Contains("correct POSTGRES_INITDB_ARGS", refused.Error, StringComparison.Ordinal);
    }

    [OursFact]
    public async Task Who_may_read_the_directory_may_read_our_files_in_it()
    {
        string data = _directory.Combine("data");
        string[] ours = ["pocketgres.lock", "pocketgres.version"], arguments = ["serve", "file:" + data, "--port", "0"];
        const UnixFileMode ofOwner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        foreach (UnixFileMode group in new[] { UnixFileMode.None, UnixFileMode.GroupRead })
        {
            if (group != UnixFileMode.None)
            {
                File.SetUnixFileMode(data, ofOwner | UnixFileMode.UserExecute | group | UnixFileMode.GroupExecute); // initdb --allow-group-access
                Array.ForEach(ours, name => File.Delete(Path.Combine(data, name)));
            }

            await using CliServer server = await CliServer.StartAsync(arguments);
            Assert.All(ours, name => Assert.Equal(ofOwner | group, File.GetUnixFileMode(Path.Combine(data, name))));
            Assert.Equal(0, await server.StopAsync());
        }
    }

    string PasswordFile(string password)
    {
        string path = _directory.Combine("password");
        File.WriteAllText(path, password + "\n");
        return path;
    }

    static byte[] Compress(string text)
    {
        using var bytes = new MemoryStream();
        using (var gzip = new GZipStream(bytes, CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return bytes.ToArray();
    }

    static async Task<NpgsqlConnection> OpenAsync(CliServer server, string user, string password, string database)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1", Port = server.Port, Username = user, Password = password, Database = database, Pooling = false,
        }.ConnectionString);
        try
        {
            await connection.OpenAsync();
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }
}
