using Pocketgres.Engine.Data;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Cloning;

/// <summary>Makes a clone another cluster than its source: a system identifier and authentication nonce of its own, in files and in memory.</summary>
internal static unsafe class CloneIdentity
{
    // access/xlog_internal.h: XLogLongPageHeaderData, at the start of each WAL segment.
    private const int PageSize = 8192, InfoOffset = 2, LongHeader = 2, IdentifierOffset = 24;
    private const int NonceOffset = 257, NonceLength = 32, CrcOffset = 292; // struct ControlFileData

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
        *(int*)(m + PgliteAddresses.SockPaths) = 0;
        *(int*)(m + PgliteAddresses.ExternalPidFile) = 0;
        byte* list = m + (uint)*(int*)(m + PgliteAddresses.LockFiles);
        if (list == m)
        {
            return;
        }

        int* elements = (int*)(m + (uint)*(int*)(list + PgliteStructs.List.Elements));
        int kept = 0;
        for (int i = 0; i < *(int*)(list + PgliteStructs.List.Length); i++)
        {
            if (CString.Read(m, elements[i]) == "postmaster.pid")
            {
                elements[kept++] = elements[i];
            }
        }

        *(int*)(list + PgliteStructs.List.Length) = kept;
    }

    /// <summary>Rewrites shared memory: the copy of pg_control, and WAL pages not yet written that name the old cluster. In the postmaster.</summary>
    public static void AssignMemory(Process postmaster, ReadOnlySpan<byte> control)
    {
        byte* m = postmaster.Memory;
        var inMemory = new Span<byte>(m + (uint)*(int*)(m + PgliteAddresses.ControlFile), CrcOffset + 4);
        ulong old = BitConverter.ToUInt64(inMemory);
        control[..sizeof(ulong)].CopyTo(inMemory);
        control.Slice(NonceOffset, NonceLength).CopyTo(inMemory[NonceOffset..]);
        control.Slice(CrcOffset, 4).CopyTo(inMemory[CrcOffset..]);

        byte* log = m + (uint)*(int*)(m + PgliteAddresses.XLogCtl);
        byte* page = m + (uint)*(int*)(log + PgliteStructs.XLogCtl.Pages);
        for (int last = *(int*)(log + PgliteStructs.XLogCtl.LastBuffer); last >= 0; last--, page += PageSize)
        {
            if ((*(ushort*)(page + InfoOffset) & LongHeader) != 0 && *(ulong*)(page + IdentifierOffset) == old)
            {
                control[..sizeof(ulong)].CopyTo(new Span<byte>(page + IdentifierOffset, sizeof(ulong)));
            }
        }
    }
}
