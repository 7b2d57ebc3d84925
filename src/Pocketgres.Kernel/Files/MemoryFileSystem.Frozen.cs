namespace Pocketgres.Kernel.Files;

/// <summary>A file that was open when its file system was frozen.</summary>
/// <param name="Node">The file in the frozen file system.</param>
/// <param name="Path">Its path there; null when it had been unlinked.</param>
internal sealed record FrozenFile(MemoryNode Node, string? Path);

/// <content>
/// Frozen file systems: snapshots that never change, whose clones cost nothing for a directory until somebody looks into it.
/// </content>
public sealed partial class MemoryFileSystem
{
    private readonly List<MemoryNode> _unlinked = []; // of a frozen file system: files that only open descriptors refer to
    private int _references = 1;

    /// <summary>
    /// A copy that nobody will change. Costs time for the number of files. <see cref="Dispose"/> gives up the caller's reference; the memory
    /// goes with its last clone.
    /// </summary>
    /// <param name="open">Receives the files that are open or mapped, by the node they have here.</param>
    internal MemoryFileSystem Freeze(Dictionary<MemoryNode, FrozenFile> open)
    {
        var frozen = new MemoryFileSystem(this, _device);
        frozen._root = frozen.CloneTree(_root, null, [], open, "");
        frozen._origin = _origin?.AddReference();
        return frozen;
    }

    /// <summary>An independent copy of a frozen file system. Any thread.</summary>
    internal MemoryFileSystem CloneFrozen()
    {
        if (_hardLinks > 0)
        {
            return Clone(_device); // a lazy copy could not tell which names are one file
        }

        var clone = new MemoryFileSystem(this, _device) { _origin = AddReference() };
        clone._root = _root.CloneLazily(null);
        return clone;
    }

    /// <summary>To a frozen file system: adds a copy of an open file that has no name any more.</summary>
    internal FrozenFile FreezeUnlinked(MemoryNode node)
    {
        var copy = node.CopyWithoutChildren();
        _unlinked.Add(copy);
        return new FrozenFile(copy, null);
    }

    /// <summary>Makes a named file of a frozen file system memory that can be mapped, in this clone of it; see <see cref="OpenFile.ShareAsMemory"/>.</summary>
    internal int ShareFrozen(FrozenFile frozen, long length) =>
        Lookup(frozen.Path, out var node) == Errno.None && node!.IsRegular ? Share(node, length) : -1;

    /// <summary>Opens the file that was open in the frozen file system this is a clone of.</summary>
    /// <param name="frozen">The file.</param>
    /// <param name="flags">Its flags.</param>
    /// <param name="unlinked">Files without a name that were opened already, by their frozen node.</param>
    internal OpenFile Reopen(FrozenFile frozen, OpenFlags flags, Dictionary<MemoryNode, MemoryNode> unlinked)
    {
        MemoryNode? node;
        if (frozen.Path is null)
        {
            if (!unlinked.TryGetValue(frozen.Node, out node))
            {
                unlinked.Add(frozen.Node, node = frozen.Node.CopyWithoutChildren());
            }
        }
        else
        {
            FileSystemException.ThrowIf(Lookup(frozen.Path, out node), "reopen", frozen.Path);
        }

        _openFiles++;
        return new MemoryFile(this, node!, flags);
    }

    private MemoryFileSystem AddReference()
    {
        Interlocked.Increment(ref _references);
        return this;
    }
}
