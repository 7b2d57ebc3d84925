namespace Pocketgres.Kernel.Files;

/// <content>Filling from an image, cloning, and giving memory back.</content>
public sealed unsafe partial class MemoryFileSystem
{
    private readonly List<FileSystemImage> _images = [];

    private MemoryFileSystem? _origin; // the frozen file system whose directories this one has not looked at yet

    private MemoryFileSystem(MemoryFileSystem original, long device)
    {
        _pool = original._pool;
        _device = device;
        _limitChunks = original._limitChunks;
        _usedChunks = original._usedChunks;
        _nextInode = original._nextInode;
        _linkCount = original._linkCount;
        _hardLinks = original._hardLinks;
        foreach (var image in original._images)
        {
            _images.Add(image.AddReference());
        }

        _root = null!; // set by the caller
    }

    /// <summary>A file system with the content of <paramref name="image"/>, which stays mapped and is read where it lies until written.</summary>
    public static MemoryFileSystem FromImage(FileSystemImage image, long sizeLimit = long.MaxValue, long device = 1)
    {
        var fileSystem = new MemoryFileSystem(sizeLimit, device);
        fileSystem.AddImage(image);
        return fileSystem;
    }

    /// <summary>Adds the content of <paramref name="image"/> at the root. Directories merge, other entries replace what has their name.</summary>
    public void AddImage(FileSystemImage image)
    {
        _images.Add(image.AddReference());
        var nodes = new MemoryNode[image.Count];
        nodes[0] = _root;
        _root.Mode = image.Mode(0);
        for (int i = 1; i < image.Count; i++)
        {
            var parent = nodes[image.Parent(i)];
            string name = image.Name(i);
            int mode = image.Mode(i);
            if (parent.Child(name) is { } old)
            {
                if (old.IsDirectory && (mode & FileStatus.TypeMask) == MemoryNode.Directory)
                {
                    nodes[i] = old;
                    continue;
                }

                if (old.IsDirectory)
                {
                    throw new IOException($"the image has a file where a directory exists: {name}");
                }

                Detach(parent, name, old);
            }

            long time = image.Modified(i);
            var node = new MemoryNode { Inode = _nextInode++, Mode = mode, Accessed = time, Modified = time, Changed = time };
            switch (mode & FileStatus.TypeMask)
            {
                case MemoryNode.Directory:
                    node.Children = MemoryNode.NewChildren(image.ChildCount(i));
                    node.Parent = parent;
                    node.Links = 2;
                    parent.Links++;
                    break;
                case MemoryNode.SymbolicLink:
                    node.Target = image.LinkTarget(i);
                    _linkCount++;
                    break;
                default:
                    node.Size = image.Size(i);
                    if (image.StoredChunks(i) > 0)
                    {
                        node.Image = image;
                        node.ImageEntry = i;
                        _usedChunks += image.StoredChunks(i);
                    }

                    break;
            }

            nodes[i] = node;
            parent.Children!.Add(name, node);
        }
    }

    /// <summary>
    /// An independent copy: same tree and bytes, contents shared until one side writes. Files that are open but unlinked are not part of it.
    /// Clones of one file system may be made on several threads at once while nobody changes it.
    /// </summary>
    /// <param name="device">st_dev of the copy.</param>
    public MemoryFileSystem Clone(long device = 1)
    {
        var clone = new MemoryFileSystem(this, device);
        clone._root = clone.CloneTree(_root, null, [], null, "");
        clone._origin = _origin?.AddReference();
        return clone;
    }

    /// <summary>
    /// Gives all memory back. Files still open keep their content until closed.
    /// </summary>
    public void Dispose()
    {
        if (_disposed || Interlocked.Decrement(ref _references) > 0)
        {
            return;
        }

        _disposed = true;
        ReleaseTree(_root);
        _unlinked.ForEach(ReleaseTree);
        if (_openFiles == 0)
        {
            ReleaseImages();
        }

        _pool.Trim();
        _origin?.Dispose();
    }

    /// <summary>An open file of <paramref name="node"/> was closed.</summary>
    internal void Closed(MemoryNode node)
    {
        node.Opens--;
        _openFiles--;
        ReleaseIfUnused(node);
        if (_disposed && _openFiles == 0)
        {
            ReleaseImages();
            _pool.Trim();
        }
    }

    private void ReleaseImages()
    {
        foreach (var image in _images)
        {
            image.Dispose();
        }

        _images.Clear();
    }

    private void ReleaseIfUnused(MemoryNode node)
    {
        if (node.Links <= 0 && node.Opens == 0)
        {
            _usedChunks -= node.UsedChunks;
            node.Content?.Release();
            node.Content = null;
            node.Image = null;
            node.Shared?.Dispose();
            node.Shared = null;
            node.Size = 0;
        }
    }

    private void ReleaseTree(MemoryNode node)
    {
        node.Links = 0;
        if (node.KnownChildren != null)
        {
            foreach (var child in node.KnownChildren.Values)
            {
                ReleaseTree(child);
            }
        }

        ReleaseIfUnused(node);
    }

    private MemoryNode CloneTree(MemoryNode original, MemoryNode? parent, Dictionary<MemoryNode, MemoryNode> hardLinked,
        Dictionary<MemoryNode, FrozenFile>? open, string path)
    {
        bool manyNames = !original.IsDirectory && original.Links > 1;
        if (manyNames && hardLinked.TryGetValue(original, out var known))
        {
            return known;
        }

        if (original.IsUntouchedCopy && _hardLinks == 0)
        {
            return original.CloneLazily(parent);
        }

        var copy = original.CopyWithoutChildren();
        if (manyNames)
        {
            hardLinked.Add(original, copy);
        }

        if (original.Opens > 0 || original.Shared != null)
        {
            open?.Add(original, new FrozenFile(copy, path.Length == 0 ? "/" : path));
        }

        if (original.Shared != null)
        {
            CopyIn(original, copy);
        }

        if (original.IsDirectory)
        {
            copy.Parent = parent ?? copy;
            copy.Children = MemoryNode.NewChildren(original.Children!.Count);
            foreach (var (name, child) in original.Children)
            {
                copy.Children.Add(name, CloneTree(child, copy, hardLinked, open, open is null ? "" : $"{path}/{name}"));
            }
        }

        return copy;
    }

    /// <summary>A shared memory object cannot be copied on write: its bytes are copied now.</summary>
    private void CopyIn(MemoryNode original, MemoryNode copy)
    {
        byte* chunk = stackalloc byte[ChunkPool.ChunkSize];
        copy.Content = new FileContent(_pool, []);
        for (long offset = 0; offset < original.Size;)
        {
            int n = original.Shared!.Read(chunk, (int)Math.Min(ChunkPool.ChunkSize, original.Size - offset), offset);
            if (n <= 0 || copy.Content.Write(chunk, n, offset, offset, long.MaxValue) != n)
            {
                throw new IOException("no memory for a copy of a shared memory file");
            }

            offset += n;
        }

        _usedChunks += copy.UsedChunks - original.UsedChunks;
    }
}
