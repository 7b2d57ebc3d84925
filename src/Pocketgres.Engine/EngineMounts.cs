using System.Globalization;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Installation;

namespace Pocketgres.Engine;

/// <summary>How a kernel that runs Postgres sees files.</summary>
internal static class EngineMounts
{
    private const string Devices = "/dev", SharedMemory = "/dev/shm";

    /// <summary>Mounts <paramref name="root"/> at /, the installation at <see cref="EngineArtifacts.MountPoint"/>, devices and shared memory.</summary>
    public static MountTable Create(IFileSystem root, IFileSystem installation, KernelOptions options)
    {
        var mounts = new MountTable();
        mounts.Mount("/", root);
        mounts.Mount(EngineArtifacts.MountPoint, installation);
        mounts.Mount(Devices, new DeviceFileSystem(options.StandardOutput, options.StandardError));
        mounts.Mount(SharedMemory, new MemoryFileSystem());
        return mounts;
    }

    /// <summary>Whether a path of the host is one of those at which the server sees something else, so that it cannot be a data directory.</summary>
    public static bool IsMountPoint(string path) => path is EngineArtifacts.MountPoint or Devices or SharedMemory;

    /// <summary>Mounts a data directory of the host where it lies. Most are below / already; those in the host's /dev/shm, say, are hidden by ours.</summary>
    public static void MountDirectory(MountTable mounts, string path)
    {
        MountHidden(mounts, path, LockFileSystem.DataDirectoryLock);
        MountDynamicMemory(mounts, path, (int)File.GetUnixFileMode(path));
    }

    /// <summary>Mounts memory for what parallel queries map as shared memory: on the host's disk their pages would be written out for nothing.</summary>
    /// <param name="mounts">Gets it.</param>
    /// <param name="path">The data directory.</param>
    /// <param name="mode">Its mode, which PostgreSQL gives to its subdirectories, and a backup to its copies of them.</param>
    public static void MountDynamicMemory(MountTable mounts, string path, int mode)
    {
        var memory = new MemoryFileSystem();
        _ = memory.ChangeMode("/", mode);
        mounts.Mount(path + "/pg_dynshmem", memory);
    }

    /// <summary>Mounts the host's directory of a Unix socket where it lies, as <see cref="MountDirectory"/> does: a TMPDIR in /dev/shm, say.</summary>
    public static void MountSocketDirectory(MountTable mounts, string path, int port) => MountHidden(mounts, path, SocketLock(port));

    /// <summary>Name of the lock file beside the Unix socket of a port.</summary>
    public static string SocketLock(int port) => string.Create(CultureInfo.InvariantCulture, $".s.PGSQL.{port}.lock");

    private static void MountHidden(MountTable mounts, string path, string lockFile)
    {
        if (!IsMountPoint(path) && (path.StartsWith(EngineArtifacts.MountPoint + "/", StringComparison.Ordinal) || path.StartsWith(Devices + "/", StringComparison.Ordinal)))
        {
            mounts.Mount(path, new LockFileSystem(new HostFileSystem(path), ["/" + lockFile]));
        }
    }

    /// <summary>The environment of the engine's programs.</summary>
    public static IReadOnlyList<string> Environment(string dataDirectory) =>
    [
        "USER=postgres", "LOGNAME=postgres", "HOME=" + EngineArtifacts.MountPoint, "PATH=" + EngineArtifacts.MountPoint + "/bin", "PWD=/", "LANG=C.UTF-8", "LC_ALL=C.UTF-8",
        "TZ=UTC", "PGTZ=UTC", "ICU_DATA=" + EngineArtifacts.MountPoint + "/icu", "PGDATA=" + dataDirectory,
    ];
}
