using System.Text;

namespace Pocketgres.Transfer;

/// <summary>A dump that is to be restored: what it is, and whether a look at its ends shows that it is whole.</summary>
/// <param name="Path">Its path.</param>
/// <param name="Kind">What it is.</param>
internal sealed record DumpFile(string Path, DumpKind Kind)
{
    private const int HeadSize = 64 << 10, TailSize = 4 << 10;
    private const int TarBlock = 512, TarSizeOffset = 124, TarSizeLength = 12, TarMagicOffset = 257;
    private const string DatabaseScript = "-- PostgreSQL database dump", ClusterScript = "-- PostgreSQL database cluster dump";

    /// <summary>Looks at a file or directory; <c>-</c> is standard input, a script.</summary>
    /// <exception cref="DumpException">It is missing, cannot be read, is none, or was cut off.</exception>
    public static DumpFile Inspect(string path)
    {
        if (path == "-")
        {
            return new DumpFile(path, DumpKind.Script);
        }

        if (Directory.Exists(path))
        {
            return File.Exists(System.IO.Path.Combine(path, "toc.dat"))
                ? new DumpFile(path, DumpKind.Archive)
                : throw new DumpException($"{path} is a directory without toc.dat: no dump of pg_dump, or one that was interrupted");
        }

        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read);
            return file.CanSeek ? new DumpFile(path, KindOf(file, path)) : new DumpFile(path, DumpKind.Script);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DumpException($"{path} cannot be read: {e.Message}");
        }
    }

    private static DumpKind KindOf(FileStream file, string path)
    {
        byte[] head = Read(file, 0, HeadSize), tail = Read(file, Math.Max(0, file.Length - TailSize), TailSize);
        if (head.Length == 0)
        {
            throw new DumpException($"{path} is empty: no dump");
        }

        if (head.AsSpan().StartsWith("PGDMP"u8))
        {
            return DumpKind.Archive;
        }

        if (head.Length > TarMagicOffset && head.AsSpan(TarMagicOffset).StartsWith("ustar"u8))
        {
            return IsWholeTar(file) ? DumpKind.Archive : throw new DumpException($"{path} is cut off, the end of the tar archive is missing: take a whole dump");
        }

        string? tool = head switch
        {
            [0x1F, 0x8B, ..] => "gunzip -c",
            [0x28, 0xB5, 0x2F, 0xFD, ..] => "zstd -dc",
            [0x04, 0x22, 0x4D, 0x18, ..] => "lz4 -dc",
            [(byte)'B', (byte)'Z', (byte)'h', ..] => "bunzip2 -c",
            [0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', ..] => "xz -dc",
            _ => null,
        };
        if (tool is not null)
        {
            throw new DumpException($"{path} is compressed: {tool} {path} | pocketgres restore - URL");
        }

        if (head.AsSpan().Contains((byte)0))
        {
            throw new DumpException($"{path} is no dump: neither an archive of pg_dump nor a script");
        }

        string start = Encoding.UTF8.GetString(head), end = Encoding.UTF8.GetString(tail);
        return Check(ClusterScript, DumpKind.ClusterScript) ?? Check(DatabaseScript, DumpKind.Script) ?? DumpKind.Script;

        DumpKind? Check(string title, DumpKind kind) =>
            !start.StartsWith($"--\n{title}\n", StringComparison.Ordinal) ? null
            : end.Contains($"{title} complete\n", StringComparison.Ordinal) ? kind
            : throw new DumpException($"{path} is cut off, its last line \"{title} complete\" is missing: take a whole dump");
    }

    // pg_restore never ends with a tar archive that was cut off.
    private static bool IsWholeTar(FileStream file)
    {
        for (long at = 0; at + TarBlock <= file.Length;)
        {
            byte[] header = Read(file, at, TarBlock);
            if (!header.AsSpan().ContainsAnyExcept((byte)0))
            {
                return true;
            }

            // Octal digits, or a number of base 256 behind a set bit (more than 8 GB).
            long size = 0;
            var digits = header.AsSpan(TarSizeOffset, TarSizeLength);
            foreach (byte digit in (digits[0] & 0x80) != 0 ? digits[1..] : digits)
            {
                size = (digits[0] & 0x80) != 0 ? (size << 8) | digit : digit is >= (byte)'0' and <= (byte)'7' ? (size * 8) + digit - '0' : size;
            }

            if (size < 0 || size > file.Length)
            {
                return false;
            }

            at += TarBlock + ((size + TarBlock - 1) / TarBlock * TarBlock);
        }

        return false;
    }

    private static byte[] Read(FileStream file, long from, int size)
    {
        byte[] bytes = new byte[Math.Min(size, file.Length - from)];
        file.Position = from;
        file.ReadExactly(bytes);
        return bytes;
    }
}

/// <summary>Kinds of dumps.</summary>
internal enum DumpKind
{
    /// <summary>For pg_restore: custom, tar or a directory.</summary>
    Archive,

    /// <summary>SQL of one database, for psql.</summary>
    Script,

    /// <summary>SQL of pg_dumpall.</summary>
    ClusterScript,
}
