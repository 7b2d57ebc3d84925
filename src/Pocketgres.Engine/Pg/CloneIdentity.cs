using System.Runtime.CompilerServices;
using Pocketgres.Engine.Data;
using Pocketgres.Engine.Pg;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Cloning;

/// <summary>Makes a clone another cluster than its source: a system identifier and authentication nonce of its own, in files and in memory.</summary>
internal static unsafe class CloneIdentity
{
    private const int PageSize = 8192, LongHeader = 2; // XLOG_BLCKSZ, XLP_LONG_HEADER (access/xlog_internal.h)
    private const int NonceLength = 32; // MOCK_AUTH_NONCE_LEN (catalog/pg_control.h)

    /// <summary>Rewrites the files of the data directory. Before any process runs.</summary>
    /// <returns>pg_control as written.</returns>
    public static byte[] AssignFiles(IFileSystem data)
    {
        SystemIdentity.Assign(data, "/", SystemIdentity.NewIdentifier());
        return FileTree.ReadAll(data, "/" + ControlFile.Name, ControlFile.FileSize);
    }

    /// <summary>
    /// Makes the postmaster forget the files on the host that belong to its source, which it would remove at its exit: Unix sockets, their lock
    /// files, an external pid file. postmaster.pid in the data directory is the clone's own.
    /// </summary>
    public static void ForgetHostFiles(Process postmaster)
    {
        byte* m = postmaster.Memory;
        Empty(GuestVariables.SocketPaths(m));
        if (GuestVariables.ExternalPidFile(m) is var file and not 0)
        {
            m[file] = 0; // unlink("") does nothing
        }

        var list = GuestVariables.LockFiles(m);
        if (list.Address == 0)
        {
            return;
        }

        int kept = 0;
        for (int i = 0; i < list.Length; i++)
        {
            uint path = list.Element(i).Pointer;
            if (CString.Read(m, (int)path) == LockFileSystem.DataDirectoryLock)
            {
                var cell = list.Element(kept++);
                cell.Pointer = path;
            }
        }

        list.Length = kept;
    }

    /// <summary>Rewrites shared memory: the copy of pg_control, and WAL pages not yet written that name the old cluster. In the postmaster.</summary>
    public static void AssignMemory(Process postmaster, ReadOnlySpan<byte> control)
    {
        byte* m = postmaster.Memory;
        var inMemory = new ControlFileData(m, GuestVariables.ControlFile(m));
        ulong old = inMemory.SystemIdentifier;
        fixed (byte* bytes = control)
        {
            var written = new ControlFileData(bytes, 0);
            inMemory.SystemIdentifier = written.SystemIdentifier;
            inMemory.Crc = written.Crc;
            new Span<byte>(Unsafe.AsPointer(ref written.Nonce), NonceLength).CopyTo(new Span<byte>(Unsafe.AsPointer(ref inMemory.Nonce), NonceLength));
            var log = GuestVariables.LogControl(m);
            uint page = log.Pages;
            for (int last = log.LastBuffer; last >= 0; last--, page += PageSize)
            {
                var header = new LogSegmentHeader(m, page);
                if ((new LogPageHeader(m, page).Flags & LongHeader) != 0 && header.SystemIdentifier == old)
                {
                    header.SystemIdentifier = written.SystemIdentifier;
                }
            }
        }
    }

    // An empty list is NULL in C; one of no elements is the same to whoever walks through it.
    private static void Empty(GuestList list)
    {
        if (list.Address != 0)
        {
            list.Length = 0;
        }
    }
}
