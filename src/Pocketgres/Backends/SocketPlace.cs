using Pocketgres.Server;

namespace Pocketgres.Backends;

/// <summary>Where an embedded server has its Unix socket: a directory that only this user can enter, and the number in the socket's name.</summary>
internal sealed class SocketPlace : IDisposable
{
    // The number in the socket's name when no TCP port gives one.
    private const int OnlyNumber = 5432;

    private readonly PrivateDirectory? _own;
    private CloneSockets? _shared;

    private SocketPlace(PrivateDirectory own) => (_own, Directory, Number) = (own, own.Path, OnlyNumber);

    internal SocketPlace(CloneSockets shared, string directory, int number) => (_shared, Directory, Number) = (shared, directory, number);

    /// <summary>Absolute path.</summary>
    public string Directory { get; }

    /// <summary>For a server without a TCP port.</summary>
    public int Number { get; }

    /// <summary>A directory for one server.</summary>
    /// <exception cref="IOException">The system's temporary directory cannot be written.</exception>
    public static SocketPlace Alone() => new(PrivateDirectory.Create());

    /// <summary>The server has ended, and its socket is gone. More often than once is once.</summary>
    public void Dispose()
    {
        _own?.Dispose();
        Interlocked.Exchange(ref _shared, null)?.Release();
    }
}

/// <summary>
/// One directory for the sockets of all clones of a snapshot: making, locking and removing one for each would take a tenth of a clone's short life. No
/// number is given twice, so that whoever still has the address of a clone that ended never reaches another one. Counted references, thread-safe.
/// </summary>
internal sealed class CloneSockets
{
    private const int FirstNumber = 5432;
    private const int LastNumber = 65535;

    private readonly Lock _lock = new();
    private PrivateDirectory? _directory;
    private int _next = FirstNumber;
    private int _references = 1;

    /// <summary>A place for one clone, with a reference.</summary>
    /// <exception cref="IOException">The system's temporary directory cannot be written.</exception>
    public SocketPlace Take()
    {
        lock (_lock)
        {
            if (_references == 0 || _next > LastNumber)
            {
                return SocketPlace.Alone();
            }

            _directory ??= PrivateDirectory.Create();
            _references++;
            return new SocketPlace(this, _directory.Path, _next++);
        }
    }

    /// <summary>Drops a reference; with the last one the directory goes.</summary>
    public void Release()
    {
        lock (_lock)
        {
            if (--_references == 0)
            {
                _directory?.Dispose();
            }
        }
    }
}
