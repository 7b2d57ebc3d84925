using System.Buffers.Binary;
using Pocketgres.Engine.Pg;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Data;

/// <summary>
/// Gives a data directory made from the template an identity of its own: system identifier and authentication nonce in
/// global/pg_control, and the identifier in the headers of the WAL segments that are there.
/// </summary>
/// <remarks>
/// A WAL segment starts with XLogLongPageHeaderData (access/xlog_internal.h), with the identifier; page headers have no checksum.
/// </remarks>
internal static class SystemIdentity
{
    /// <summary>A new identifier, made as initdb makes it: seconds since 1970, microseconds, and bits of chance instead of a process id.</summary>
    public static ulong NewIdentifier()
    {
        long ticks = DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks;
        ulong seconds = (ulong)(ticks / TimeSpan.TicksPerSecond);
        ulong microseconds = (ulong)(ticks % TimeSpan.TicksPerSecond / 10);
        return (seconds << 32) | (microseconds << 12) | (HostRandom.Next() & 0xFFF);
    }

    /// <summary>Rewrites the identity of the data directory at <paramref name="dataDirectory"/>; makes nothing durable.</summary>
    /// <param name="files">File system that holds it.</param>
    /// <param name="dataDirectory">Its path there.</param>
    /// <param name="identifier">The new identifier.</param>
    /// <exception cref="InvalidDataException">pg_control is not as expected.</exception>
    /// <exception cref="FileSystemException">A file cannot be read or written.</exception>
    public static void Assign(IFileSystem files, string dataDirectory, ulong identifier)
    {
        string path = FileTree.Combine(dataDirectory, ControlFile.Name);
        var control = ControlFile.Parse(FileTree.ReadAll(files, path, ControlFile.FileSize));
        if (!control.IsIntact || control.Version != ControlFile.KnownVersion)
        {
            throw new InvalidDataException($"{path} is damaged or of an unknown layout");
        }

        control.SetIdentity(identifier);
        Overwrite(files, path, control.Bytes, 0);
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, identifier);
        string wal = FileTree.Combine(dataDirectory, "pg_wal");
        foreach (var segment in FileTree.List(files, wal))
        {
            if (LogSegments.IsName(segment.Name))
            {
                Overwrite(files, FileTree.Combine(wal, segment.Name), bytes, LogSegmentHeader.SystemIdentifierOffset);
            }
        }
    }

    private static unsafe void Overwrite(IFileSystem files, string path, ReadOnlySpan<byte> bytes, long offset)
    {
        FileSystemException.ThrowIf(files.Open(path, OpenFlags.ReadWrite, 0, out var file), "open", path);
        fixed (byte* p = bytes)
        {
            int n = file!.WriteAt(p, bytes.Length, offset);
            file.Release();
            FileSystemException.ThrowIf(n == bytes.Length ? Errno.None : n < 0 ? (Errno)(-n) : Errno.EIO, "write", path);
        }
    }
}
