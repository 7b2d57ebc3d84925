using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel;

/// <summary>The mounted file systems of a snapshot, and while it is taken the open files.</summary>
internal sealed class SnapshotFiles : IDisposable
{
    private readonly Dictionary<MemoryFileSystem, (int Mount, Dictionary<MemoryNode, FrozenFile> Open)> _memory = [];
    private readonly Dictionary<OpenFile, FileSnapshot> _files = [];
    private readonly List<(string Prefix, IFileSystem FileSystem)> _mounts = [];

    /// <summary>Freezes the memory file systems of a kernel.</summary>
    public SnapshotFiles(MountTable mounts)
    {
        foreach (var (prefix, fileSystem) in mounts.Mounts)
        {
            if (fileSystem is MemoryFileSystem memory)
            {
                var open = new Dictionary<MemoryNode, FrozenFile>();
                _memory.Add(memory, (_mounts.Count, open));
                _mounts.Add((prefix, memory.Freeze(open)));
            }
            else
            {
                _mounts.Add((prefix, fileSystem));
            }
        }
    }

    /// <summary>Mount points with frozen memory file systems; others are the kernel's own.</summary>
    public IReadOnlyList<(string Prefix, IFileSystem FileSystem)> Mounts => _mounts;

    /// <summary>The snapshot of a file: one for all descriptors of a description. Null when it cannot be in a snapshot.</summary>
    public FileSnapshot? Capture(OpenFile file)
    {
        if (!_files.TryGetValue(file, out var snapshot))
        {
            snapshot = file.Capture(this);
            if (snapshot is null)
            {
                return null;
            }

            snapshot.Flags = file.Flags;
            snapshot.Position = file.Position;
            snapshot.Path = file.Path;
            _files.Add(file, snapshot);
        }

        return snapshot;
    }

    /// <summary>Which mount a file system is.</summary>
    public int Find(MemoryFileSystem fileSystem) => _memory[fileSystem].Mount;

    /// <summary>The frozen copy of an open file.</summary>
    public FrozenFile Frozen(MemoryFileSystem fileSystem, MemoryNode node)
    {
        var (mount, open) = _memory[fileSystem];
        if (!open.TryGetValue(node, out var frozen))
        {
            open.Add(node, frozen = ((MemoryFileSystem)_mounts[mount].FileSystem).FreezeUnlinked(node));
        }

        return frozen;
    }

    /// <summary>The named file whose content a memory file of the host is, or null.</summary>
    public (int Mount, FrozenFile File)? FindMapped(ulong inode)
    {
        foreach (var (mount, open) in _memory.Values)
        {
            foreach (var (node, frozen) in open)
            {
                if (node.Shared is { } shared && HostCalls.InodeOf(shared.Descriptor) == inode && frozen.Path is not null)
                {
                    return (mount, frozen);
                }
            }
        }

        return null;
    }

    /// <summary>The snapshot is taken: forgets the source's objects.</summary>
    public void Complete()
    {
        _memory.Clear();
        _files.Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => _mounts.ForEach(m => (m.FileSystem as MemoryFileSystem)?.Dispose());
}

/// <summary>While a clone is made: its file systems and the files its processes share.</summary>
internal sealed class CloneFiles(MountTable mounts, IReadOnlyList<IFileSystem> byMount, IReadOnlyList<int> listeners)
{
    private readonly Dictionary<FileSnapshot, OpenFile> _opened = [];
    private readonly Dictionary<object, (Pipe Read, Pipe Write)> _pipes = [];
    private int _nextListener;

    /// <summary>The clone's name space.</summary>
    public MountTable Mounts => mounts;

    /// <summary>Files without names that are open already.</summary>
    public Dictionary<MemoryNode, MemoryNode> Unlinked { get; } = [];

    /// <summary>The memory file system that was mounted as number <paramref name="mount"/>.</summary>
    public MemoryFileSystem Memory(int mount) => (MemoryFileSystem)byMount[mount];

    /// <summary>The host descriptor of the next listening socket, or -1 when there are no more; the caller owns it.</summary>
    public int NextListener() => _nextListener < listeners.Count ? listeners[_nextListener++] : -1;

    /// <summary>An end of a new pipe in place of one of the source's.</summary>
    public OpenFile PipeEnd(object pipe, bool reads)
    {
        if (!_pipes.TryGetValue(pipe, out var ends))
        {
            _pipes.Add(pipe, ends = Pipe.CreateLazily());
        }

        return (reads ? ends.Read : ends.Write).AddReference();
    }

    /// <summary>A table with the descriptors of a process in the snapshot.</summary>
    public FileDescriptorTable Table(IReadOnlyList<DescriptorSnapshot> descriptors)
    {
        var table = new FileDescriptorTable();
        foreach (var d in descriptors)
        {
            if (!_opened.TryGetValue(d.File, out var file))
            {
                file = d.File.Open(this);
                file.Flags = d.File.Flags;
                file.Position = d.File.Position;
                file.Path = d.File.Path;
                _opened.Add(d.File, file);
            }

            table.Replace(d.Descriptor, file.AddReference());
            table.SetCloseOnExec(d.Descriptor, d.CloseOnExec);
        }

        return table;
    }

    /// <summary>All tables are made: drops the references of this object, so that only descriptors keep files open.</summary>
    public void Complete()
    {
        foreach (var file in _opened.Values)
        {
            file.Release();
        }

        foreach (var (read, write) in _pipes.Values)
        {
            read.Release();
            write.Release();
        }

        while (NextListener() is var unused and >= 0)
        {
            _ = Native.Libc.close(unused);
        }

        _opened.Clear();
        _pipes.Clear();
    }
}
