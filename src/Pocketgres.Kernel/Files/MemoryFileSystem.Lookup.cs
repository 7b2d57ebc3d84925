namespace Pocketgres.Kernel.Files;

/// <content>Walking the tree, adding and taking away entries.</content>
public sealed partial class MemoryFileSystem
{
    private static bool IsSelfOrAncestor(MemoryNode node, MemoryNode directory)
    {
        for (var d = directory; ; d = d.Parent!)
        {
            if (d == node)
            {
                return true;
            }

            if (d.Parent == d)
            {
                return false;
            }
        }
    }

    private Errno Lookup(ReadOnlySpan<char> path, out MemoryNode? node)
    {
        node = _root;
        for (int i = 1; i < path.Length;)
        {
            int length = path[i..].IndexOf('/');
            var name = length < 0 ? path[i..] : path.Slice(i, length);
            var error = Step(name, ref node);
            if (error != Errno.None)
            {
                return error;
            }

            i += name.Length + 1;
        }

        return Errno.None;
    }

    private static Errno Step(ReadOnlySpan<char> name, ref MemoryNode? node)
    {
        if (!node!.IsDirectory)
        {
            node = null;
            return Errno.ENOTDIR;
        }

        if (TooLong(name))
        {
            node = null;
            return Errno.ENAMETOOLONG;
        }

        node = node.Child(name);
        return node == null ? Errno.ENOENT : Errno.None;
    }

    private static bool TooLong(ReadOnlySpan<char> name) => name.Length > PathEncoding.MaxName / 3 && PathEncoding.ByteCount(name) > PathEncoding.MaxName;

    private Errno LookupParent(ReadOnlySpan<char> path, out MemoryNode? directory, out ReadOnlySpan<char> name)
    {
        int slash = path.LastIndexOf('/');
        name = path[(slash + 1)..];
        var error = Lookup(path[..Math.Max(slash, 1)], out directory);
        return error != Errno.None ? error : !directory!.IsDirectory ? Errno.ENOTDIR : TooLong(name) ? Errno.ENAMETOOLONG : Errno.None;
    }

    private Errno LookupEntry(string path, out MemoryNode? directory, out ReadOnlySpan<char> name, out MemoryNode? node)
    {
        node = null;
        var error = LookupParent(path, out directory, out name);
        if (error == Errno.None)
        {
            node = directory!.Child(name);
            error = node == null ? Errno.ENOENT : Errno.None;
        }

        return error;
    }

    private Errno Create(string path, int mode, out MemoryNode? node, string? target = null)
    {
        var error = LookupEntry(path, out var directory, out var name, out node);
        if (error != Errno.ENOENT || directory == null)
        {
            return error == Errno.None ? Errno.EEXIST : error;
        }

        if (directory.Links == 0)
        {
            return Errno.ENOENT;
        }

        node = Add(directory, name.ToString(), mode, target);
        return Errno.None;
    }

    private MemoryNode Add(MemoryNode directory, string name, int mode, string? target)
    {
        long now = Now;
        var node = new MemoryNode { Inode = _nextInode++, Mode = mode, Accessed = now, Modified = now, Changed = now, Target = target };
        if (node.IsDirectory)
        {
            node.Children = MemoryNode.NewChildren();
            node.Parent = directory;
            node.Links = 2;
            directory.Links++;
        }

        _linkCount += node.IsLink ? 1 : 0;
        directory.Children!.Add(name, node);
        directory.Modified = directory.Changed = now;
        return node;
    }

    private void Detach(MemoryNode directory, ReadOnlySpan<char> name, MemoryNode node)
    {
        directory.Children!.Remove(name.ToString());
        node.Links -= node.IsDirectory ? 2 : 1;
        directory.Links -= node.IsDirectory ? 1 : 0;
        _linkCount -= node.IsLink ? 1 : 0;
        directory.Modified = directory.Changed = node.Changed = Now;
        ReleaseIfUnused(node);
    }
}
