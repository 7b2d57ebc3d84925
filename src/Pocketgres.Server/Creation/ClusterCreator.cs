using Npgsql;
using Pocketgres.Engine;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Server.Creation;

/// <summary>
/// Makes a cluster that is more than the template: superuser, password, database, init scripts, pg_hba.conf. That needs a running server, which only this
/// process can reach: it runs on the unfinished cluster, which becomes the cluster (<see cref="ClusterCreation"/>) when everything has succeeded.
/// </summary>
internal sealed class ClusterCreator
{
    private const int Port = 5432; // the number in the socket's name, in a directory of its own
    private const int OwnerReadWrite = 0x180;
    private const string SetupRole = "pocketgres_setup";

    private readonly ServerOptions _options;
    private readonly ClusterSetup _setup;
    private readonly EngineFiles _engine;
    private readonly IReadOnlyList<string> _scripts;

    private ClusterCreator(ServerOptions options, ClusterSetup setup, EngineFiles engine)
    {
        _options = options;
        _setup = setup;
        _engine = engine;
        _scripts = setup.InitDirectory is { } directory ? InitScripts.Find(directory) : [];
    }

    /// <summary>Makes the cluster of <see cref="ServerOptions.Url"/> if it has none yet and <see cref="ServerOptions.Setup"/> asks for something.</summary>
    /// <returns>The new cluster's files if it is one in memory.</returns>
    /// <exception cref="ServerException">Something of the set-up failed; no cluster was made.</exception>
    /// <exception cref="ClusterException">The directory cannot be used, or the server does not start.</exception>
    public static async Task<IFileSystem?> RunAsync(ServerOptions options, CancellationToken cancellationToken)
    {
        if (options.Setup is not { } setup || options.Origin is not null)
        {
            return null;
        }

        if (options.Url.DataDirectory is not { } directory)
        {
            return await new ClusterCreator(options, setup, EngineFiles.Default).MakeInMemoryAsync(cancellationToken).ConfigureAwait(false);
        }

        if (DataDirectory.IsNew(directory))
        {
            var creator = new ClusterCreator(options, setup, EngineFiles.Default);
            await Task.Run(() => DataDirectory.Create(directory, creator.FillDirectory(cancellationToken)), CancellationToken.None).ConfigureAwait(false);
        }

        return null;
    }

    /// <summary>What makes the files of a new cluster in a bucket, if <see cref="ServerOptions.Setup"/> asks for something; else null.</summary>
    public static Func<CancellationToken, Task<MemoryFileSystem>>? ForBucket(ServerOptions options) =>
        options.Setup is { } setup ? new ClusterCreator(options, setup, EngineFiles.Default).MakeInMemoryAsync : null;

    private Action<IFileSystem, string> FillDirectory(CancellationToken cancellationToken) => (files, path) =>
    {
        Fill(files, path);

        // Made durable as a whole when it is finished.
        var settings = new Dictionary<string, string>(_options.Settings, StringComparer.OrdinalIgnoreCase) { ["fsync"] = "off" };
        _ = RunSetupAsync(new ClusterOptions { DataDirectory = path, Settings = settings }, keepFiles: false, cancellationToken).GetAwaiter().GetResult();
        WriteAccessRules(files, path);
        File.Delete(Path.Combine(path, DirectoryLock.Name));
        File.Delete(Path.Combine(path, "postmaster.opts"));
    };

    private async Task<MemoryFileSystem> MakeInMemoryAsync(CancellationToken cancellationToken)
    {
        var empty = new MemoryFileSystem();
        Fill(empty, "/");
        var files = (await RunSetupAsync(new ClusterOptions { DataFileSystem = empty, Settings = _options.Settings }, keepFiles: true, cancellationToken)
            .ConfigureAwait(false))!;
        WriteAccessRules(files, "/");
        return files;
    }

    private void Fill(IFileSystem files, string path)
    {
        if (_setup.InitdbArguments.Count == 0)
        {
            ClusterCreation.Extract(files, path, _engine.Template);
            return;
        }

        try
        {
            using var made = Initdb.Run(_engine, out _, _setup.InitdbArguments);
            FileTree.Copy(made, Initdb.DataDirectoryInResult, files, path, _ => true);
        }
        catch (InvalidOperationException e)
        {
            throw new ServerException($"initdb failed: {string.Join("; ", e.Message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).TakeLast(2))}; correct POSTGRES_INITDB_ARGS", e);
        }

        ClusterCreation.Personalize(files, path);
    }

    private void WriteAccessRules(IFileSystem files, string path) => FileTree.WriteAll(
        files, FileTree.Combine(path, HostBasedAuthentication.FileName), System.Text.Encoding.UTF8.GetBytes(HostBasedAuthentication.Text(_setup)), OwnerReadWrite, sync: false);

    private async Task<MemoryFileSystem?> RunSetupAsync(ClusterOptions options, bool keepFiles, CancellationToken cancellationToken)
    {
        using var socket = PrivateDirectory.Create();
        var settings = new Dictionary<string, string>(options.Settings, StringComparer.OrdinalIgnoreCase);
        settings.Remove(HostBasedAuthentication.Setting); // the template's rules let us in
        var cluster = await PostgresCluster.StartAsync(
            options with { ListenAddress = null, Port = Port, UnixSocketDirectory = socket.Path, Settings = settings, Memory = _options.Memory, Logger = _options.Logger, EngineFiles = _engine },
            cancellationToken).ConfigureAwait(false);
        await using (cluster.ConfigureAwait(false))
        {
            await SetUpAsync(socket.Path, cancellationToken).ConfigureAwait(false);
            cluster.KeepFiles = keepFiles;
            await cluster.StopAsync(cancellationToken: CancellationToken.None).ConfigureAwait(false);
            return await cluster.Completion.ConfigureAwait(false) == 0 ? cluster.FilesAtEnd
                : throw new ServerException("the new cluster's server did not stop cleanly: its log says why; nothing was made");
        }
    }

    private async Task SetUpAsync(string socketDirectory, CancellationToken cancellationToken)
    {
        try
        {
            await CreateUserAsync(socketDirectory, cancellationToken).ConfigureAwait(false);
            if (_options.Database != ServerOptions.DefaultDatabase)
            {
                await ExecuteAsync(Session(socketDirectory, _options.User), cancellationToken, $"CREATE DATABASE {DatabaseCreator.Quote(_options.Database)}").ConfigureAwait(false);
            }
        }
        catch (NpgsqlException e)
        {
            throw new ServerException($"the cluster cannot be set up: {(e as PostgresException)?.MessageText ?? e.Message}; nothing was made", e);
        }

        var session = Session(socketDirectory, _options.User);
        session.Database = _options.Database;
        await new InitScripts(session, _options.Logger).RunAsync(_scripts, cancellationToken).ConfigureAwait(false);
    }

    // The template's superuser is renamed, so that it stays the owner of what initdb made, as with initdb --username. Nobody can rename himself.
    private async Task CreateUserAsync(string socketDirectory, CancellationToken cancellationToken)
    {
        if (_options.User != ConnectionAddress.User)
        {
            await ExecuteAsync(Session(socketDirectory, ConnectionAddress.User), cancellationToken, $"CREATE ROLE {SetupRole} SUPERUSER LOGIN").ConfigureAwait(false);
            await ExecuteAsync(Session(socketDirectory, SetupRole), cancellationToken,
                $"ALTER ROLE {ConnectionAddress.User} RENAME TO {DatabaseCreator.Quote(_options.User)}").ConfigureAwait(false);
            await ExecuteAsync(Session(socketDirectory, _options.User), cancellationToken, $"DROP ROLE {SetupRole}").ConfigureAwait(false);
        }

        if (_options.Password is { } password)
        {
            // No setting of the user's may bring the password into the log.
            await ExecuteAsync(Session(socketDirectory, _options.User), cancellationToken,
                "SET log_statement = none", "SET log_min_duration_statement = -1", "SET log_min_error_statement = panic",
                $"ALTER ROLE {DatabaseCreator.Quote(_options.User)} PASSWORD '{password.Replace("'", "''", StringComparison.Ordinal)}'").ConfigureAwait(false);
        }
    }

    private static NpgsqlConnectionStringBuilder Session(string socketDirectory, string user) => new()
    {
        Host = socketDirectory,
        Port = Port,
        Username = user,
        Database = ServerOptions.DefaultDatabase,
        ApplicationName = "pocketgres",
        Pooling = false,
        SslMode = SslMode.Disable,
        GssEncryptionMode = GssEncryptionMode.Disable,
        CommandTimeout = 0,
        IncludeErrorDetail = true,
    };

    private static async Task ExecuteAsync(NpgsqlConnectionStringBuilder settings, CancellationToken cancellationToken, params string[] statements)
    {
        var connection = new NpgsqlConnection(settings.ConnectionString);
        await using (connection.ConfigureAwait(false))
        {
            await connection.OpenAsync(cancellationToken).ConfigureAwait(false);
            foreach (string statement in statements)
            {
#pragma warning disable CA2100 // Utility statements take no parameters; names and literals are quoted.
                var command = new NpgsqlCommand(statement, connection);
#pragma warning restore CA2100
                await using (command.ConfigureAwait(false))
                {
                    await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
                }
            }
        }
    }
}
