using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Tests.Files;

/// <summary>The file systems that must behave alike.</summary>
public enum Place
{
    Host,
    Memory,
}

/// <summary>An empty name space whose root is a file system of the given kind, removed afterwards.</summary>
internal sealed class Places : IDisposable
{
    private readonly string? _directory;

    public Places(Place place, long sizeLimit = long.MaxValue)
    {
        if (place == Place.Host)
        {
            _directory = Directory.CreateTempSubdirectory("pocketgres-files-").FullName;
            RootDirectory = Directory.CreateDirectory(Path.Combine(_directory, "root")).FullName;
            Root = new HostFileSystem(RootDirectory);
            Root.ChangeMode("/", 0x1ED); // as the memory file system's root
        }
        else
        {
            Memory = new MemoryFileSystem(sizeLimit);
            Root = Memory;
        }

        Mounts = new MountTable();
        Mounts.Mount("/", Root);
    }

    public IFileSystem Root { get; }

    /// <summary>The host's directory that is the root, or null.</summary>
    public string? RootDirectory { get; }

    public MemoryFileSystem? Memory { get; }

    public MountTable Mounts { get; }

    public static TheoryData<Place> Both => [Place.Host, Place.Memory];

    public static void Run(Place place, Action<Guest> test, Action<Places>? prepare = null)
    {
        using var places = new Places(place);
        prepare?.Invoke(places);
        Guest.Run(places.Mounts, test);
        Assert.Equal(0, places.Memory?.LiveChunks ?? 0); // the kernel disposed the file system: nothing may be left
    }

    public void Dispose()
    {
        Mounts.Dispose();
        if (_directory != null)
        {
            Directory.Delete(_directory, recursive: true);
        }
    }
}
