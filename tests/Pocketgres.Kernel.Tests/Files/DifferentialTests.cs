using System.Text;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel.Tests.Files;

/// <summary>The host is the oracle: a seeded random sequence of calls must have the same results on both file systems.</summary>
public class DifferentialTests
{
    // Few names, so that calls meet: "c" and "d" tend to be directories.
    private static readonly string[] Names = ["a", "b", "c", "d", "l"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(9)]
    [InlineData(10)]
    [InlineData(11)]
    [InlineData(12)]
    public void SameCallsSameResults(int seed)
    {
        const int Steps = 4000;
        var host = Record(Place.Host, seed, Steps);
        var memory = Record(Place.Memory, seed, Steps);
        for (int i = 0; i < host.Count; i++)
        {
            if (host[i] != memory[i])
            {
                string before = string.Join("\n", host.Skip(Math.Max(0, i - 12)).Take(Math.Min(12, i)));
                Assert.Fail($"step {i} differs\nbefore:\n{before}\nhost:   {host[i]}\nmemory: {memory[i]}");
            }
        }

        Assert.Equal(host.Count, memory.Count);
        Assert.True(host.Count(r => !r.Contains("= -", StringComparison.Ordinal)) > Steps / 5, "the sequence hardly ever succeeds: it tests nothing");
    }

    private static List<string> Record(Place place, int seed, int steps)
    {
        var results = new List<string>();
        Places.Run(place, g =>
        {
            var random = new Random(seed);
            g.Umask(0x12);
            var open = new List<int>();
            for (int i = 0; i < steps; i++)
            {
                results.Add(Step(g, random, open));
            }

            Dump(g, "/", results);
        }, Enclose);
        return results;
    }

    /// <summary>
    /// The host's root is no real root: a link "../a" in it leads out. There, names lead back in, as ".." of a root is the root.
    /// </summary>
    private static void Enclose(Places places)
    {
        if (places.RootDirectory is { } root)
        {
            foreach (string name in Names)
            {
                File.CreateSymbolicLink(System.IO.Path.Combine(root, "..", name), System.IO.Path.Combine(root, name));
            }
        }
    }

    private static string Path(Random random)
    {
        var path = new StringBuilder();
        for (int depth = random.Next(1, 4); depth > 0; depth--)
        {
            path.Append('/').Append(random.Next(12) switch { 0 => ".", 1 => "..", var n => Names[n % Names.Length] });
        }

        return random.Next(12) == 0 ? path.Append('/').ToString() : path.ToString();
    }

    internal static string Step(Guest g, Random random, List<int> open)
    {
        string p = Path(random), q = Path(random);
        int fd = open.Count > 0 ? open[random.Next(open.Count)] : 99;
        switch (random.Next(22))
        {
            case 0 or 1:
                return $"mkdir {p} = {g.MakeDirectory(p, 0x1FF)}";
            case 2:
                return $"rmdir {p} = {g.RemoveDirectory(p)}";
            case 3:
                return $"unlink {p} = {g.Unlink(p)}";
            case 4 or 5:
                return $"rename {p} {q} = {TwoFaults(g.Rename(p, q))}";
            case 6:
                return $"link {p} {q} = {TwoFaults(g.Link(p, q))}";
            case 7:
                string target = random.Next(3) == 0 ? "../" + Names[random.Next(Names.Length)] : Names[random.Next(Names.Length)];
                return $"symlink {target} {p} = {g.SymbolicLink(target, p)}";
            case 8:
                int n = g.ReadLink(p, out target);
                return $"readlink {p} = {n} {target}";
            case 9:
                return Stat("stat", p, g.Stat(p, out var s), s);
            case 10:
                return Stat("lstat", p, g.StatLink(p, out s), s);
            case 11:
                return $"chmod {p} = {g.ChangeMode(p, 0x1C0 | random.Next(0x40))}";
            case 12:
                return $"access {p} = {g.Access(p, random.Next(8))}";
            case 13 or 14 or 15:
                return Open(g, random, open, p);
            case 16:
                if (open.Remove(fd))
                {
                    return $"close {fd} = {g.Close(fd)}";
                }

                return $"close {fd} = {g.Close(fd)}";
            case 17 or 18:
                string text = new((char)('a' + random.Next(26)), random.Next(3) == 0 ? random.Next(30000) : random.Next(50));
                long offset = random.Next(4) == 0 ? random.Next(60000) : random.Next(100);
                return random.Next(2) == 0 ? $"pwrite {fd} {text.Length} {offset} = {g.WriteAt(fd, text, offset)}" : $"write {fd} {text.Length} = {g.Write(fd, text)}";
            case 19:
                offset = random.Next(50000);
                n = g.ReadAt(fd, random.Next(20000), offset, out byte[] bytes);
                return $"pread {fd} {offset} = {n} {Checksum(bytes)}";
            case 20:
                long length = random.Next(3) == 0 ? random.Next(70000) : random.Next(100);
                return random.Next(2) == 0 ? $"truncate {p} {length} = {g.Truncate(p, length)}" : $"ftruncate {fd} {length} = {g.Truncate(fd, length)}";
            default:
                return Stat("fstat", fd.ToString(System.Globalization.CultureInfo.InvariantCulture), g.Stat(fd, out s), s);
        }
    }

    private static string Open(Guest g, Random random, List<int> open, string path)
    {
        OpenFlags[] extra = [OpenFlags.Create, OpenFlags.Create, OpenFlags.Truncate, OpenFlags.Exclusive | OpenFlags.Create, OpenFlags.Append, OpenFlags.Directory, OpenFlags.NoFollow];
        var flags = (OpenFlags)random.Next(3);
        for (int i = random.Next(3); i > 0; i--)
        {
            flags |= extra[random.Next(extra.Length)];
        }

        if ((flags & (OpenFlags.Create | OpenFlags.Directory)) == (OpenFlags.Create | OpenFlags.Directory))
        {
            flags &= ~OpenFlags.Directory; // Linux changed its answer in 6.4
        }

        int fd = g.Open(path, flags, 0x1B6);
        if (fd >= 0)
        {
            open.Add(fd);
        }

        bool slash = path.EndsWith('/') || path.EndsWith('.');
        return $"open {path} {flags} = {(slash && (flags & OpenFlags.Create) != 0 ? TwoFaults(fd) : fd)}";
    }

    /// <summary>A call that is wrong in two ways (a bad path and a slash, two bad paths) may report either; what matters is that it fails.</summary>
    private static int TwoFaults(int result) => result is -44 or -54 or -32 or -10 or -31 ? -44 : result;

    private static string Stat(string call, string what, int error, Stat s) => error != 0 ? $"{call} {what} = {error}"
        : s.Type == 0x4000 ? $"{call} {what} = directory {s.Permissions:X}"
        : $"{call} {what} = {s.Mode:X} links {s.Links} size {s.Size}";

    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint hash = 2166136261;
        foreach (byte b in bytes)
        {
            hash = (hash ^ b) * 16777619;
        }

        return hash;
    }

    internal static void Dump(Guest g, string directory, List<string> results)
    {
        foreach (string entry in g.List(directory))
        {
            string name = entry[..entry.LastIndexOf(':')], path = directory + name;
            results.Add($"{path} {entry}");
            if (name is "." or "..")
            {
                continue;
            }

            results.Add(Stat("final", path, g.StatLink(path, out var s), s));
            if (s.Type == 0x4000)
            {
                Dump(g, path + "/", results);
            }
            else if (s.Type == 0x8000)
            {
                results.Add($"{path} content {Checksum(Encoding.Latin1.GetBytes(g.Content(path)))}");
            }
        }
    }
}
