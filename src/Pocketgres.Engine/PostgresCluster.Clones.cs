using System.Diagnostics;
using System.Net.Sockets;
using Pocketgres.Engine.Cloning;
using Pocketgres.Engine.Data;
using Pocketgres.Engine.Logging;
using Pocketgres.Engine.Pg;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine;

/// <content>Clusters that start from a snapshot.</content>
public sealed partial class PostgresCluster
{
    // A clone's housekeeping processes (checkpointer, writers, autovacuum launcher) stay frozen while nobody wakes them. If the clone is in use, those
    // whose own timer has run out are woken at this interval.
    private static readonly TimeSpan s_housekeepingInterval = TimeSpan.FromSeconds(5);

    private Timer? _housekeeping;
    private long[] _housekeepingActivity = [];
    private int _busyIntervals;
    private Socket? _unixSocket; // .NET removes the file when the socket that made it is disposed
    private bool _isClone;

    /// <summary>
    /// Starts a cluster from a snapshot. It is independent of the snapshot's source: system identifier, randomness, statistics and files are its own,
    /// and it can be written, stopped, kept (<see cref="SaveAsync"/>) and cloned again. Its data lives in memory.
    /// </summary>
    /// <param name="snapshot">The snapshot; it may be disposed afterwards.</param>
    /// <param name="options">
    /// As for <see cref="StartAsync"/>, without a data directory. Settings other than the source's, or more listening addresses than it had, need a
    /// normal start with crash recovery instead of the memory in the snapshot.
    /// </param>
    /// <param name="cancellationToken">Cancels the start.</param>
    /// <exception cref="ClusterException">It cannot start; the message says why.</exception>
    public static async Task<PostgresCluster> StartCloneAsync(ClusterSnapshot snapshot, ClusterOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        ArgumentNullException.ThrowIfNull(options);
        if (options.DataDirectory is not null || options.DataFileSystem is not null)
        {
            throw new ArgumentException("a clone lives in memory: start it without a data directory and use SaveAsync", nameof(options));
        }

        cancellationToken.ThrowIfCancellationRequested();
        long start = Stopwatch.GetTimestamp();
        var content = snapshot.Content;
        var clone = await StartFromAsync(content, options, cancellationToken).ConfigureAwait(false);
        content.Counts.AddClone(start, clone.Completion);
        return clone;
    }

    private static async Task<PostgresCluster> StartFromAsync(SnapshotContent content, ClusterOptions options, CancellationToken cancellationToken)
    {
        int listeners = (options.ListenAddress is null ? 0 : 1) + (options.UnixSocketDirectory is null ? 0 : 1);
        if (content.Kernel is { } kernel && options.Settings.Count == 0 && listeners <= kernel.ListeningSockets)
        {
            return StartFromMemory(content, options);
        }

        var files = content.CopyFiles();
        try
        {
            SystemIdentity.Assign(files, "/", SystemIdentity.NewIdentifier());
            return await StartAsync(options with { DataFileSystem = files, EngineFiles = content.Engine }, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Writes the cluster as it is now to a directory of the host, durably: a data directory that <see cref="StartAsync"/> opens (with crash recovery,
    /// as after a power cut). It has the identity of this cluster.
    /// </summary>
    /// <param name="directory">Made if missing; must be empty.</param>
    /// <param name="cancellationToken">Cancels before the writing starts.</param>
    /// <exception cref="ClusterException">The directory is not empty or cannot be written.</exception>
    public async Task SaveAsync(string directory, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(directory);
        directory = Path.GetFullPath(directory);
        try
        {
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            if (Directory.EnumerateFileSystemEntries(directory).Any())
            {
                throw new ClusterException(ClusterError.ForeignDirectory, $"{directory} is not empty: name a new directory");
            }

            using var files = _kernel.RunLocked(CopyDataFiles);
            await Task.Run(() => HostDirectoryCopy.Write(files, directory), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FileSystemException)
        {
            throw new ClusterException(ClusterError.DirectoryNotAccessible, $"cannot write {directory}: {e.Message}", e);
        }
    }

    private static PostgresCluster StartFromMemory(SnapshotContent content, ClusterOptions options)
    {
        using var tcp = ListenTcp(options);
        int port = tcp?.Port ?? options.Port;
        string? unixPath = options.UnixSocketDirectory is null ? null : Path.Combine(Path.GetFullPath(options.UnixSocketDirectory), $".s.PGSQL.{port}");
        var unix = unixPath is null ? null : ListenUnix(unixPath);
        var log = new ServerLog(options.Logger);
        PosixKernel kernel;
        try
        {
            kernel = Revive(content, OptionsOf(options, content.Engine, log), [.. tcp is null ? (int[])[] : [tcp.Descriptor], .. unix is null ? (int[])[] : [(int)unix.Handle]]);
        }
        catch
        {
            unix?.Dispose();
            throw;
        }

        var postmaster = kernel.Processes.Snapshot()[0];
        var cluster = new PostgresCluster(options, content.Engine, kernel, null, log, postmaster, port, content.DataDirectory)
        {
            _isClone = true,
            _unixSocket = unix,
        };
        postmaster.Thaw();
        cluster._housekeeping = new Timer(static c => ((PostgresCluster)c!).WakeHousekeeping(), cluster, s_housekeepingInterval, s_housekeepingInterval);
        return cluster;
    }

    private static PosixKernel Revive(SnapshotContent content, KernelOptions options, IReadOnlyList<int> listeners)
    {
        byte[] control = [];
        var clone = PosixKernel.FromSnapshot(content.Kernel!, options,
            (prefix, source) => source is DeviceFileSystem ? new DeviceFileSystem(options.StandardOutput, options.StandardError) : source,
            (kernel, process) =>
            {
                int loop = content.Loops[process.Pid];
                var tag = (PostgresProcess)process.Tag!;
                var body = MainLoops.Body(loop);
                return process.ParentPid == 0
                    ? new(tag.CopyFor(null, loop), p =>
                    {
                        CloneIdentity.AssignMemory(p, control);
                        CloneIdentity.ForgetHostFiles(p);
                        body(p);
                    })
                    : new(tag.CopyFor(kernel.Processes.Find(process.ParentPid), loop), body);
            },
            listeners);
        try
        {
            control = CloneIdentity.AssignFiles(clone.FileSystem.At(content.DataDirectory)!);
            return clone;
        }
        catch
        {
            clone.Dispose();
            throw;
        }
    }

    private static Socket ListenUnix(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));
            socket.Listen(1024);
            return socket;
        }
        catch (SocketException e)
        {
            socket.Dispose();
            throw e.SocketErrorCode == SocketError.AddressAlreadyInUse
                ? new ClusterException(ClusterError.PortInUse, $"{path} exists: choose another port or directory", e)
                : new ClusterException(ClusterError.AddressUnavailable, $"cannot listen on {path}: {e.Message}", e);
        }
    }

    private void WakeHousekeeping()
    {
        if (_completion.IsCompleted)
        {
            return;
        }

        long[] activity = _kernel.RunLocked(Activity);
        _busyIntervals = activity.SequenceEqual(_housekeepingActivity) ? 0 : _busyIntervals + 1;
        _housekeepingActivity = activity;
        var frozen = _kernel.Processes.Snapshot().Where(p => p.IsFrozen).ToList();
        if (frozen.Count == 0)
        {
            StopHousekeeping();
        }

        // A clone that is used once and then only kept must not grow: it has to be busy for longer than one interval.
        if (_busyIntervals > 1)
        {
            frozen.Where(p => p.IsOverdue).ToList().ForEach(p => p.Thaw());
        }
    }

    private void StopHousekeeping() => Interlocked.Exchange(ref _housekeeping, null)?.Dispose();
}
