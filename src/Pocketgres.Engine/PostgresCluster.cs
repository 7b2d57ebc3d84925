using System.ComponentModel;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;
using Pocketgres.Engine.Connections;
using Pocketgres.Engine.Data;
using Pocketgres.Engine.Logging;
using Pocketgres.Engine.Pg;
using Pocketgres.Engine.Tls;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Engine;

/// <summary>
/// A running PostgreSQL cluster: the real postmaster with its children, on a kernel of its own. Thread-safe.
/// </summary>
/// <example>
/// <code>
/// await using var cluster = await PostgresCluster.StartAsync(new ClusterOptions { Port = 0 });
/// Console.WriteLine(cluster.Port);
/// </code>
/// </example>
public sealed partial class PostgresCluster : IAsyncDisposable
{
    private const int OwnerOnly = 0x1C0; // 0700

    // The log says when the server is ready; this is for those whose log_min_messages keeps it from saying so. A look takes the kernel's lock.
    private static readonly TimeSpan s_statusInterval = TimeSpan.FromMilliseconds(50);

    private readonly EngineFiles _engine;
    private readonly PosixKernel _kernel;
    private readonly DataDirectory? _directory;
    private readonly ServerLog _log;
    private readonly Process _postmaster;
    private readonly Task<int> _completion;
    private int _disposed;

    private PostgresCluster(ClusterOptions options, EngineFiles engine, PosixKernel kernel, DataDirectory? directory, ServerLog log, Process postmaster, int port,
        string dataDirectory)
    {
        _engine = engine;
        _kernel = kernel;
        _directory = directory;
        _log = log;
        _postmaster = postmaster;
        Port = port;
        DataDirectory = dataDirectory;
        ListenAddress = options.ListenAddress;
        UnixSocketDirectory = options.UnixSocketDirectory;
        _completion = WaitForEndAsync();
    }

    /// <summary>TCP port, also when the system chose it; the number in the Unix socket's name.</summary>
    public int Port { get; }

    /// <summary>Address it listens on, or null.</summary>
    public IPAddress? ListenAddress { get; }

    /// <summary>Directory of its Unix socket, or null.</summary>
    public string? UnixSocketDirectory { get; }

    /// <summary>The data directory as the server sees it (SHOW data_directory).</summary>
    public string DataDirectory { get; }

    /// <summary>What its processes do now.</summary>
    internal ClusterActivity LookAtActivity() => _kernel.RunLocked(() => Sessions.Look(_kernel));

    /// <summary>Completes with the postmaster's exit code when the server has ended, whoever ended it, and everything it held is freed.</summary>
    public Task<int> Completion => _completion;

    /// <summary>Raised for each log message, on a server thread: be quick and do not call back into the server.</summary>
    public event Action<ServerLogEntry>? LogWritten
    {
        add => _log.Written += value;
        remove => _log.Written -= value;
    }

    /// <summary>Starts a server and waits until it accepts connections.</summary>
    /// <exception cref="ClusterException">It cannot start; the message says why.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; everything is stopped and freed.</exception>
    public static async Task<PostgresCluster> StartAsync(ClusterOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var engine = options.EngineFiles ?? EngineFiles.Default;
        using var listener = options.Connections is null ? ListenTcp(options) : null;
        int port = listener?.Port ?? options.Port;
        var directory = options.DataDirectory is null ? null : Data.DataDirectory.Open(options.DataDirectory, engine);
        if (options.DataFileSystem is { } files)
        {
            Prepare(files, "the data directory", engine);
        }
        else if (options.Overlay is { } overlay)
        {
            Prepare(overlay.Files, overlay.Path, engine);
        }

        PosixKernel? kernel = null;
        PostgresCluster? cluster = null;
        try
        {
            var log = new ServerLog(options.Logger);
            string dataDirectory = directory?.Path ?? options.Overlay?.Path ?? Initdb.DataDirectory;
            kernel = CreateKernel(options, engine, directory, port, log);
            if (listener is not null)
            {
                kernel.InheritedSockets.Add(listener);
            }

            if (options.Connections is { } connections)
            {
                kernel.InheritedSockets.Add(connections);
            }

            RemoveStalePidFile(kernel, dataDirectory);
            bool privateSockets = options.UnixSocketDirectory is not null && !ConfigurationFiles.Set(kernel.FileSystem, dataDirectory, ServerArguments.SocketPermissions);
            MachineSettings.Write(kernel.FileSystem, dataDirectory, MachineLimits.Current.With(options.Memory), options.FitInMemory ?? directory is null);
            if (options.SelfSignedTls)
            {
                options = options with { Settings = SelfSignedCertificate.AddTo(options.Settings, kernel.FileSystem, dataDirectory) };
            }

            if (options.TlsFront is { } front)
            {
                options = options with { Settings = front.AddTo(options.Settings, kernel.FileSystem) };
            }

            var arguments = ServerArguments.Build(options, dataDirectory, port, privateSockets, PreloadList.Setting(kernel.FileSystem, dataDirectory));
            var postmaster = kernel.Spawn(engine.Programs.Postgres, arguments, EngineMounts.Environment(dataDirectory), "/", "postmaster",
                tag: PostgresProcess.Master(engine.Programs, log.Ready, StartSettings.IsOn(options.Settings, StartSettings.StatementCache), options.CommitGate));
            cluster = new PostgresCluster(options, engine, kernel, directory, log, postmaster, port, dataDirectory);
            await cluster.WaitUntilReadyAsync(options.StartTimeout, cancellationToken).ConfigureAwait(false);
            return cluster;
        }
        catch
        {
            if (cluster is not null)
            {
                await cluster.DisposeAsync().ConfigureAwait(false);
            }
            else
            {
                kernel?.Dispose();
                directory?.Dispose();
            }

            throw;
        }
    }

    /// <summary>Asks the server to stop and waits until it has.</summary>
    /// <param name="mode">How. A later call with a harder mode takes over from an earlier one.</param>
    /// <param name="cancellationToken">Ends the wait, not the shutdown.</param>
    public Task StopAsync(ShutdownMode mode = ShutdownMode.Fast, CancellationToken cancellationToken = default)
    {
        _postmaster.Post((int)mode);
        return _completion.WaitAsync(cancellationToken);
    }

    /// <summary>Asks the server to read its configuration files again (SIGHUP).</summary>
    public void Reload() => _postmaster.Post(Signal.HangUp);

    /// <summary>Asks the server to look for the file "promote" in its data directory (SIGUSR1), by which pg_ctl makes a standby a primary.</summary>
    public void LookForPromotion() => _postmaster.Post(Signal.User1);

    /// <summary>Makes a server process end as if it had crashed: for tests of crash recovery.</summary>
    /// <returns>False when there is no such process.</returns>
    public bool CrashProcess(int pid)
    {
        if (_kernel.Processes.Find(pid) is not { HasExited: false } process)
        {
            return false;
        }

        process.InjectCrash();
        return true;
    }

    /// <summary>Lets a session's bytes go through memory from now on, for a client in this .NET process that waits for nothing.</summary>
    /// <param name="pid">The session's process id, as the server has told the client.</param>
    /// <param name="socket">The client's end as it is; the result owns it.</param>
    /// <returns>The client's end from now on; null when there is no such session.</returns>
    public Stream? ConnectInMemory(int pid, NetworkStream socket) => _kernel.ConnectInMemory(pid, socket);

    /// <summary>Does something with the running cluster's files, its data directory in them, while none of its processes changes one.</summary>
    internal T WithFiles<T>(Func<IFileSystem, string, T> action) => _kernel.RunLocked(() =>
        _kernel.FileSystem.At(DataDirectory) is { } files ? action(files, "/") : action(_kernel.FileSystem.At("/")!, DataDirectory));

    /// <summary>Ends all server processes at once, as SIGKILL to the whole server does, and frees everything: for tests of recovery.</summary>
    internal Task KillAsync()
    {
        _postmaster.Post(Signal.Kill);
        return _completion;
    }

    /// <summary>Stops the server (fast shutdown) and frees everything.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            // What a clone in memory would write at a shutdown is dropped with it.
            if (_isClone)
            {
                _kernel.Abandon();
            }

            _postmaster.Post(_isClone ? Signal.Kill : (int)ShutdownMode.Fast);
        }

        await _completion.ConfigureAwait(false);
    }

    /// <summary>Whether the files of a cluster in memory are kept when it ends. To be set before it is asked to stop.</summary>
    internal bool KeepFiles { get; set; }

    /// <summary>With <see cref="KeepFiles"/>, the files as the ended cluster left them; whoever asked for them disposes them.</summary>
    internal MemoryFileSystem? FilesAtEnd { get; private set; }

    private MemoryFileSystem? KeptFiles() => KeepFiles && _kernel.FileSystem.At(DataDirectory) is MemoryFileSystem
        ? _kernel.RunLocked(() => ((MemoryFileSystem)_kernel.FileSystem.At(DataDirectory)!).Clone())
        : null;

    private static void Prepare(IFileSystem files, string shown, EngineFiles engine)
    {
        try
        {
            Data.DataDirectory.Prepare(files, "/", shown, engine);
        }
        catch (FileSystemException e)
        {
            throw new ClusterException(ClusterError.DirectoryNotAccessible, $"cannot use {shown}: {e.Message}", e);
        }
    }

    private static PosixKernel CreateKernel(ClusterOptions cluster, EngineFiles engine, DataDirectory? directory, int port, ServerLog log)
    {
        var options = OptionsOf(cluster, engine, log);
        var mounts = EngineMounts.Create(new LockFileSystem(new HostFileSystem("/"), LockFiles(cluster, directory, port)), engine.Installation(), options);
        if (cluster.DataFileSystem is { } files)
        {
            _ = files.ChangeMode("/", OwnerOnly); // the server refuses a data directory that others may read; a file system without modes has none of them
            mounts.Mount(Initdb.DataDirectory, files);
            EngineMounts.MountDynamicMemory(mounts, Initdb.DataDirectory, OwnerOnly);
        }
        else if (cluster.Overlay is { } overlay)
        {
            overlay.Mount(mounts);
            EngineMounts.MountDynamicMemory(mounts, overlay.Path, OwnerOnly);
        }
        else if (directory is null)
        {
            mounts.Mount(Initdb.DataDirectory, ClusterFiles.FromTemplate(engine));
        }
        else
        {
            EngineMounts.MountDirectory(mounts, directory.Path);
        }

        if (cluster.UnixSocketDirectory is { } sockets)
        {
            EngineMounts.MountSocketDirectory(mounts, Path.GetFullPath(sockets), port);
        }

        return new PosixKernel(options, mounts);
    }

    private static List<string> LockFiles(ClusterOptions options, DataDirectory? directory, int port)
    {
        var files = new List<string>();
        if (directory is not null)
        {
            files.Add($"{directory.Path}/{LockFileSystem.DataDirectoryLock}");
        }

        if (options.UnixSocketDirectory is { } sockets)
        {
            files.Add(Path.Combine(Path.GetFullPath(sockets), EngineMounts.SocketLock(port)));
        }

        return files;
    }

    private static KernelOptions OptionsOf(ClusterOptions cluster, EngineFiles engine, ServerLog log) => new()
    {
        Threads = engine.Threads,
        FirstPid = EnginePrograms.PostmasterPid,
        OneAtATime = !StartSettings.IsOn(cluster.Settings, StartSettings.SeveralCores),
        BusyWait = StartSettings.IsOn(cluster.Settings, StartSettings.BusyWait),
        AcceptFilter = new StartupPackets(),
        StandardError = log.Write,
        StandardOutput = log.Write,
        ProcessGone = cluster.ProcessGone,
        Crashed = (process, e) => log.Write(Encoding.UTF8.GetBytes($"process {process.Pid} ({process.Title}) crashed: {e}\n")),
    };

    private static HostListener? ListenTcp(ClusterOptions options)
    {
        const int addressInUse = 98, accessDenied = 13; // EADDRINUSE, EACCES
        if (options.Listener is { } inherited)
        {
            return inherited;
        }

        if (options.ListenAddress is not { } address)
        {
            return null;
        }

        try
        {
            return HostListener.Open(address, options.Port);
        }
        catch (Win32Exception e)
        {
            throw e.NativeErrorCode switch
            {
                addressInUse => new ClusterException(ClusterError.PortInUse,
                    $"port {options.Port} on {address} is already in use: stop the program that listens there or choose another port (0 picks a free one)", e),
                accessDenied => new ClusterException(ClusterError.AddressUnavailable,
                    $"no permission to listen on port {options.Port}: choose a port above 1023", e),
                _ => new ClusterException(ClusterError.AddressUnavailable, $"cannot listen on {address}:{options.Port}: {e.Message}", e),
            };
        }
    }

    private async Task WaitUntilReadyAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(timeout);
        try
        {
            do
            {
                await Task.WhenAny(_log.Ready, _completion, Task.Delay(s_statusInterval, deadline.Token)).ConfigureAwait(false);
                deadline.Token.ThrowIfCancellationRequested();
                if (_completion.IsCompleted)
                {
                    throw new ClusterException(ClusterError.StartFailed,
                        $"the server ended during start (exit code {await _completion.ConfigureAwait(false)}): {_log.ReasonOf(_postmaster.Pid)}");
                }
            }
            while (!_log.Ready.IsCompleted && !IsReady());
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new ClusterException(ClusterError.StartFailed,
                $"the server was not ready within {timeout.TotalSeconds:0} s: {string.Join(" | ", _log.Recent)}");
        }
    }

    /// <summary>
    /// Whoever wrote the postmaster.pid that a killed server left behind is gone, since we have the lock; its "ready" must not be taken for ours.
    /// </summary>
    private static void RemoveStalePidFile(PosixKernel kernel, string dataDirectory)
    {
        string path = dataDirectory + "/" + LockFileSystem.DataDirectoryLock;
        var error = kernel.FileSystem.Resolve(path, followLast: false, out var location);
        error = error == Errno.None ? location.FileSystem.Unlink(location.Path) : error;
        if (error is not (Errno.None or Errno.ENOENT))
        {
            throw new ClusterException(ClusterError.DirectoryNotAccessible, new FileSystemException(error, "remove", path).Message);
        }
    }

    /// <summary>
    /// What pg_ctl looks at too: line 8 of postmaster.pid. With hot_standby=off it says "standby" while the log is replayed: then a standby, which takes nobody until it is promoted, has started, and a recovery
    /// that will end has not.
    /// </summary>
    private unsafe bool IsReady() => _kernel.RunLocked(() =>
    {
        if (_postmaster.HasExited
            || _kernel.FileSystem.Open(DataDirectory + "/" + LockFileSystem.DataDirectoryLock, OpenFlags.ReadOnly, 0, out var file) != Errno.None)
        {
            return false;
        }

        var bytes = stackalloc byte[512];
        int n = file!.ReadAt(bytes, 512, 0);
        file.Release();
        string[] lines = n <= 0 ? [] : Encoding.UTF8.GetString(bytes, n).Split('\n');
        return lines.Length >= 8
            && (lines[7].StartsWith("ready", StringComparison.Ordinal) || (lines[7].StartsWith("standby", StringComparison.Ordinal) && IsStandby()));
    });

    private bool IsStandby() => _kernel.FileSystem.Resolve(DataDirectory + "/standby.signal", followLast: true, out var location) == Errno.None
        && location.FileSystem.Stat(location.Path, followLink: true, out _) == Errno.None;

    private async Task<int> WaitForEndAsync()
    {
        int status = await _postmaster.Exited.ConfigureAwait(false);
        StopHousekeeping();
        FilesAtEnd = KeptFiles();
        await Task.Run(_kernel.Dispose).ConfigureAwait(false);
        Free();
        return (status & 0x7F) == 0 ? status >> 8 : 128 + (status & 0x7F);
    }

    // Of its own: a method's first call loads the assemblies of all that it may call, and few servers have a socket of .NET's.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Free()
    {
        _lastSnapshot?.Release();
        _unixSocket?.Dispose();
        _directory?.Dispose();
    }
}
