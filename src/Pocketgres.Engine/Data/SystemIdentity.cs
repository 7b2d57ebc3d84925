using System.Buffers.Binary;
using System.Security.Cryptography;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Data;

/// <summary>
/// Gives a data directory made from the template an identity of its own: system identifier and authentication nonce in
/// global/pg_control, and the identifier in the headers of the WAL segments that are there.
/// </summary>
/// <remarks>
/// pg_control (catalog/pg_control.h): bytes 0..7 system_identifier; the struct ends with char mock_authentication_nonce[32] and
/// pg_crc32c crc over all before it. Its size depends on the build, so it is found by the checksum itself.
/// A WAL segment starts with XLogLongPageHeaderData (access/xlog_internal.h), xlp_sysid at byte 24; page headers have no checksum.
/// </remarks>
internal static unsafe class SystemIdentity
{
    private const int NonceLength = 32;
    private const int SegmentIdentifierOffset = 24;
    private const int MinimumControlSize = 200, MaximumControlSize = 512;

    /// <summary>A new identifier, made as initdb makes it: seconds since 1970, microseconds, and bits of chance instead of a process id.</summary>
    public static ulong NewIdentifier()
    {
        long ticks = DateTime.UtcNow.Ticks - DateTime.UnixEpoch.Ticks;
        ulong seconds = (ulong)(ticks / TimeSpan.TicksPerSecond);
        ulong microseconds = (ulong)(ticks % TimeSpan.TicksPerSecond / 10);
        return (seconds << 32) | (microseconds << 12) | (uint)RandomNumberGenerator.GetInt32(1 << 12);
    }

    /// <summary>Rewrites the identity of the data directory at <paramref name="dataDirectory"/>.</summary>
    /// <param name="files">File system that holds it.</param>
    /// <param name="dataDirectory">Its path there.</param>
    /// <param name="identifier">The new identifier.</param>
    /// <param name="sync">Make the changes durable before returning.</param>
    /// <exception cref="InvalidDataException">pg_control is not as expected.</exception>
    public static void Assign(IFileSystem files, string dataDirectory, ulong identifier, bool sync)
    {
        Edit(files, Combine(dataDirectory, "global/pg_control"), 8192, control =>
        {
            int size = FindSize(control);
            BinaryPrimitives.WriteUInt64LittleEndian(control, identifier);
            RandomNumberGenerator.Fill(control.AsSpan(size - NonceLength, NonceLength));
            BinaryPrimitives.WriteUInt32LittleEndian(control.AsSpan(size), Crc32C.Compute(control.AsSpan(0, size)));
        }, sync);

        string wal = Combine(dataDirectory, "pg_wal");
        foreach (string segment in ListSegments(files, wal))
        {
            Edit(files, $"{wal}/{segment}", SegmentIdentifierOffset + 8,
                header => BinaryPrimitives.WriteUInt64LittleEndian(header.AsSpan(SegmentIdentifierOffset), identifier), sync);
        }
    }

    /// <summary>Bytes of pg_control before its checksum.</summary>
    internal static int FindSize(ReadOnlySpan<byte> control)
    {
        for (int size = MinimumControlSize; size <= MaximumControlSize; size += 4)
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(control[size..]) == Crc32C.Compute(control[..size]))
            {
                return size;
            }
        }

        throw new InvalidDataException("global/pg_control: no checksum found, the file is damaged or of an unknown layout");
    }

    private static string Combine(string directory, string name) => directory == "/" ? "/" + name : $"{directory}/{name}";

    private static List<string> ListSegments(IFileSystem files, string wal)
    {
        Check(files.Open(wal, OpenFlags.ReadOnly | OpenFlags.Directory, 0, out var directory), wal);
        try
        {
            return [.. directory!.ReadDirectory()!.Select(e => e.Name).Where(n => n.Length == 24 && n.All(char.IsAsciiHexDigitUpper))];
        }
        finally
        {
            directory!.Release();
        }
    }

    private static void Edit(IFileSystem files, string path, int length, Action<byte[]> edit, bool sync)
    {
        Check(files.Open(path, OpenFlags.ReadWrite, 0, out var file), path);
        try
        {
            var bytes = new byte[length];
            fixed (byte* p = bytes)
            {
                if (file!.ReadAt(p, length, 0) != length)
                {
                    throw new InvalidDataException($"{path} is too short");
                }

                edit(bytes);
                if (file.WriteAt(p, length, 0) != length)
                {
                    throw new IOException($"cannot write {path}");
                }
            }

            if (sync)
            {
                Check(file.Sync(dataOnly: false), path);
            }
        }
        finally
        {
            file!.Release();
        }
    }

    private static void Check(Errno error, string path)
    {
        if (error != Errno.None)
        {
            throw new IOException($"{path}: {error}");
        }
    }
}
