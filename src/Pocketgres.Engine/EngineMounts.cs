using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Pglite;

namespace Pocketgres.Engine;

/// <summary>How a kernel that runs Postgres sees files.</summary>
internal static class EngineMounts
{
    /// <summary>Mounts <paramref name="root"/> at /, the installation at /pglite, devices and shared memory.</summary>
    public static MountTable Create(IFileSystem root, IFileSystem installation, KernelOptions options)
    {
        var mounts = new MountTable();
        mounts.Mount("/", root);
        mounts.Mount(EngineArtifacts.MountPoint, installation);
        mounts.Mount("/dev", new DeviceFileSystem(options.StandardOutput, options.StandardError));
        mounts.Mount("/dev/shm", new MemoryFileSystem());
        return mounts;
    }

    /// <summary>The environment of the engine's programs.</summary>
    public static IReadOnlyList<string> Environment(string dataDirectory) =>
    [
        "USER=postgres", "LOGNAME=postgres", "HOME=/pglite", "PATH=/pglite/bin", "PWD=/", "LANG=C.UTF-8", "LC_ALL=C.UTF-8",
        "TZ=UTC", "PGTZ=UTC", "ICU_DATA=/pglite/icu", "PROJ_DATA=/pglite/share/proj", "PGDATA=" + dataDirectory,
    ];
}
