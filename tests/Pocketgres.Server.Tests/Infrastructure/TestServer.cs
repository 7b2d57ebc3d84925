using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>
/// A running server, always a separate process: our command line, or with POCKETGRES_TEST_NATIVE=1 native PostgreSQL 18, which is how the
/// tests themselves are checked. Superuser and database are "postgres", trust on loopback.
/// </summary>
abstract partial class TestServer : IAsyncDisposable
{
    public static readonly TimeSpan StartDeadline = TimeSpan.FromSeconds(60);
    protected static readonly TimeSpan StopDeadline = TimeSpan.FromSeconds(60);
    NpgsqlDataSource? _dataSource;

    public static bool Native => Environment.GetEnvironmentVariable("POCKETGRES_TEST_NATIVE") == "1";

    public const string Host = "127.0.0.1";

    public int Port { get; protected set; }

    public string? UnixSocketDirectory { get; protected init; }

    public ServerLog Log { get; } = new();

    protected Process Process { get; set; } = null!;

    /// <summary>Lines of the log that are never right, whatever a test does.</summary>
    [GeneratedRegex(@"\bPANIC\b|TRAP: failed Assert|server process .* was terminated by signal|Unhandled exception", RegexOptions.IgnoreCase)]
    public static partial Regex DisasterPattern { get; }

    /// <summary>Log lines of severity FATAL.</summary>
    [GeneratedRegex(@"\bFATAL\b")]
    public static partial Regex FatalPattern { get; }

    public static async Task<TestServer> StartAsync(ServerOptions? options = null)
    {
        options ??= new ServerOptions();
        return Native ? await NativeServer.StartAsync(options) : await CliServer.StartAsync(options);
    }

    public string ConnectionString(string database = "postgres", string? host = null) => new NpgsqlConnectionStringBuilder
    {
        Host = host ?? Host,
        Port = Port,
        Username = "postgres",
        Database = database,
        // Every connection is a session of its own, ended with it: the tests are about sessions.
        Pooling = false,
        Timeout = 30,
        CommandTimeout = 90,
        // Milliseconds to wait for the server's answer to a cancelled statement before the connection is given up.
        CancellationTimeout = 30_000,
        IncludeErrorDetail = true,
        SslMode = SslMode.Disable,
    }.ConnectionString;

    /// <summary>The address as other languages' drivers take it.</summary>
    public string Url(string database = "postgres") => $"postgres://postgres@{Host}:{Port}/{database}";

    /// <summary>The environment for libpq programs.</summary>
    public IReadOnlyDictionary<string, string> Environ(string database = "postgres", bool unixSocket = false) => new Dictionary<string, string>
    {
        ["PGHOST"] = unixSocket ? UnixSocketDirectory! : Host,
        ["PGPORT"] = Port.ToString(System.Globalization.CultureInfo.InvariantCulture),
        ["PGUSER"] = "postgres",
        ["PGDATABASE"] = database,
        ["PGCONNECT_TIMEOUT"] = "30",
        ["DATABASE_URL"] = Url(database),
        ["LC_ALL"] = "C.UTF-8",
    };

    /// <summary>Runs one of PostgreSQL 18's own client programs against this server.</summary>
    public Task<ToolResult> RunAsync(string program, string[] arguments, string database = "postgres", string? input = null, bool unixSocket = false) =>
        Tool.RunAsync(Workspace.Pg18(program), arguments, Environ(database, unixSocket), input);

    /// <summary>A new session.</summary>
    public async Task<NpgsqlConnection> OpenAsync(string database = "postgres")
    {
        if (database != "postgres")
        {
            var connection = new NpgsqlConnection(ConnectionString(database));
            await connection.OpenAsync();
            return connection;
        }

        _dataSource ??= NpgsqlDataSource.Create(ConnectionString());
        return await _dataSource.OpenConnectionAsync();
    }

    /// <summary>A clean stop; returns the exit code.</summary>
    public abstract Task<int> StopAsync();

    /// <summary>SIGKILL to the whole server, as a power cut would look to the data directory.</summary>
    public abstract Task KillAsync();

    /// <summary>Ends one backend abruptly, as a segmentation fault would, while the server lives on.</summary>
    public abstract Task CrashBackendAsync(int pid);

    /// <summary>Sends the server's main process a signal.</summary>
    public void Signal(int signal) => Signals.Send(Process.Id, signal);

    public async ValueTask DisposeAsync()
    {
        if (_dataSource is not null)
        {
            await _dataSource.DisposeAsync();
        }

        if (Process is { HasExited: false })
        {
            await StopAsync();
        }

        DeleteFiles();
        Process?.Dispose();
        Log.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Deletes what belonged to the server alone, once it has ended.</summary>
    protected virtual void DeleteFiles()
    {
    }

    protected async Task<int> WaitForExitAsync()
    {
        if (!await Patience.EndsAsync(Process.WaitForExitAsync(), StopDeadline))
        {
            await KillAsync();
            Assert.Fail($"the server did not stop within {StopDeadline.TotalSeconds:0} s; killed. The end of its log ({Log.FilePath}):\n{Log.Tail}");
        }

        return Process.ExitCode;
    }
}
