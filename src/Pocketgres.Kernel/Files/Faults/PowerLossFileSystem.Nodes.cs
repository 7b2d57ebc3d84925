using System.Globalization;

namespace Pocketgres.Kernel.Files.Faults;

/// <content>The inodes.</content>
public sealed partial class PowerLossFileSystem
{
    private readonly Dictionary<long, PowerLossNode> _byDiskInode = [];

    private static string InodePath(PowerLossNode node) => $"{Inodes}/{node.Inode.ToString(CultureInfo.InvariantCulture)}";

    /// <summary>Where a directory lies on the disk: among the nameless while it has no durable name.</summary>
    private static string DiskPath(PowerLossNode directory) => directory.IsRoot ? "/"
        : directory.Parent is { } parent ? FileTree.Combine(DiskPath(parent), directory.Name)
        : InodePath(directory);

    /// <summary>What was there at the start: on the disk and in the cache alike, with equal inode numbers.</summary>
    private void AddTree(string path, PowerLossNode directory)
    {
        foreach (var entry in FileTree.List(_cache, path).ToList())
        {
            string below = FileTree.Combine(path, entry.Name);
            Must(_cache.Stat(below, false, out var status));
            if (!_nodes.TryGetValue(status.Inode, out var node))
            {
                node = new PowerLossNode(status.Inode) { IsDirectory = status.IsDirectory };
                _nodes.Add(status.Inode, node);
                _byDiskInode.Add(status.Inode, node);
                if (status.IsDirectory)
                {
                    node.Parent = directory;
                    node.Name = entry.Name;
                    AddTree(below, node);
                }
                else
                {
                    Must(_disk.Link(below, InodePath(node)));
                    OpenBoth(node, status, below);
                }
            }

            node.CacheNames++;
            node.DiskNames++;
        }
    }

    /// <summary>Something was created in the cache: it exists on the disk without a name.</summary>
    private PowerLossNode NewNode(FileStatus status, string cachePath, string? link)
    {
        var node = new PowerLossNode(status.Inode) { IsDirectory = status.IsDirectory };
        _nodes.Add(status.Inode, node);
        string path = InodePath(node);
        if (status.IsDirectory)
        {
            Must(_disk.MakeDirectory(path, status.Mode));
        }
        else if (status.IsLink)
        {
            Must(_disk.SymbolicLink(link!, path));
        }
        else
        {
            Must(_disk.Open(path, OpenFlags.Create | OpenFlags.Exclusive | OpenFlags.WriteOnly, status.Mode & 0xFFF, out var created));
            created!.Release();
            OpenBoth(node, status, cachePath);
        }

        Must(_disk.Stat(path, false, out var onDisk));
        _byDiskInode.Add(onDisk.Inode, node);
        return node;
    }

    private void OpenBoth(PowerLossNode node, FileStatus status, string cachePath)
    {
        if (status.IsRegular)
        {
            Must(_disk.Open(InodePath(node), OpenFlags.ReadWrite, 0, out var file));
            node.Disk = file;
            Must(_cache.Open(cachePath, OpenFlags.ReadOnly, 0, out file));
            node.Cached = file;
        }
    }

    private void DropIfUnused(PowerLossNode node)
    {
        if (!node.IsUnused || !_nodes.Remove(node.Inode))
        {
            return;
        }

        if (!node.IsDirectory)
        {
            Must(_disk.Stat(InodePath(node), false, out var status));
            _byDiskInode.Remove(status.Inode);
            node.Disk?.Release();
            node.Cached?.Release();
            Must(_disk.Unlink(InodePath(node)));
        }
        else if (_disk.Stat(InodePath(node), false, out var status) == Errno.None)
        {
            _byDiskInode.Remove(status.Inode);
            FileTree.Remove(_disk, InodePath(node)); // made and removed without ever having a durable name
        }
    }
}
