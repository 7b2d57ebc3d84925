using System.Globalization;
using System.Text;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Data;

/// <summary>
/// Settings that fit the machine (docs/operations.md has the table). They are in a file of their own, written at each start, which postgresql.conf includes
/// in its first line: so everything that a user sets anywhere wins, by Postgres' own rules. A cluster whose postgresql.conf does not include it (one from
/// elsewhere, or an old one) keeps what it has.
/// </summary>
internal static class MachineSettings
{
    /// <summary>Name in a data directory.</summary>
    public const string Name = "pocketgres.conf";

    private const string Configuration = "postgresql.conf";
    private const string Include = "include_if_exists = '" + Name + "'	# what fits this machine, written at each start; everything below wins\n";
    private const int Limit = 1 << 16;
    private const long MB = 1 << 20;

    // What initdb writes into postgresql.conf, where it would win.
    private static readonly string[] s_written = ["shared_buffers", "max_connections", "max_wal_size"];

    // Memory is what a machine has at least, in MB. A session that works has up to 3 MB; the host's page cache lies under shared_buffers, so that a page in
    // both is held twice.
    private static readonly Tier[] s_tiers =
    [
        new(Memory: 16384, SharedBuffers: 128, WorkMem: 4, MaintenanceWorkMem: 256, MaxConnections: 100, MaxWalSize: 256),
        new(Memory: 4096, SharedBuffers: 64, WorkMem: 4, MaintenanceWorkMem: 128, MaxConnections: 100, MaxWalSize: 256),
        new(Memory: 1024, SharedBuffers: 32, WorkMem: 4, MaintenanceWorkMem: 64, MaxConnections: 100, MaxWalSize: 256),
        new(Memory: 512, SharedBuffers: 32, WorkMem: 2, MaintenanceWorkMem: 32, MaxConnections: 100, MaxWalSize: 128),
        new(Memory: 256, SharedBuffers: 32, WorkMem: 2, MaintenanceWorkMem: 16, MaxConnections: 50, MaxWalSize: 128),
        new(Memory: 0, SharedBuffers: 16, WorkMem: 1, MaintenanceWorkMem: 16, MaxConnections: 30, MaxWalSize: 64),
    ];

    /// <summary>Whether so little memory is there that some is given back earlier.</summary>
    public static bool IsSmall => MachineLimits.Current.Memory < s_tiers[^2].Memory * MB;

    /// <summary>Lets a new cluster, just made from the template, take its settings from the machine; makes nothing durable.</summary>
    /// <param name="files">Where it is.</param>
    /// <param name="directory">Its directory there.</param>
    /// <exception cref="FileSystemException">The configuration cannot be read or written.</exception>
    public static void Prepare(IFileSystem files, string directory)
    {
        string path = FileTree.Combine(directory, Configuration);
        string text = Encoding.UTF8.GetString(FileTree.ReadAll(files, path));
        foreach (string name in s_written)
        {
            text = text.Replace($"\n{name} = ", $"\n#{name} = ", StringComparison.Ordinal);
        }

        FileTree.WriteAll(files, path, Encoding.UTF8.GetBytes(Include + text), FileModes.In(files, directory), sync: false);
        FileTree.WriteAll(files, FileTree.Combine(directory, Name), [], FileModes.In(files, directory), sync: false);
    }

    /// <summary>
    /// Writes the file, where there is one, for a server that is about to start. A file that cannot be written stays as it was: a full disk is no reason not to start.
    /// </summary>
    /// <param name="files">What the server will see.</param>
    /// <param name="dataDirectory">Its data directory there.</param>
    /// <param name="limits">What it may use.</param>
    /// <param name="inMemory">Whether its files are in memory too.</param>
    public static void Write(MountTable files, string dataDirectory, MachineLimits limits, bool inMemory)
    {
        if (files.Resolve($"{dataDirectory}/{Name}", followLast: false, out var location) != Errno.None
            || !FileTree.Exists(location.FileSystem, location.Path))
        {
            return;
        }

        byte[] wanted = Encoding.UTF8.GetBytes(Text(limits, inMemory));
        try
        {
            if (FileTree.ReadAll(location.FileSystem, location.Path, Limit).AsSpan().SequenceEqual(wanted))
            {
                return;
            }

            FileTree.WriteAll(location.FileSystem, location.Path + ".new", wanted, FileModes.In(location.FileSystem, Path.GetDirectoryName(location.Path)!), sync: !inMemory);
            _ = location.FileSystem.Rename(location.Path + ".new", location.Path);
        }
        catch (FileSystemException)
        {
            // As it was.
        }
    }

    /// <summary>The content of the file.</summary>
    public static string Text(MachineLimits limits, bool inMemory)
    {
        var tier = Array.Find(s_tiers, t => limits.Memory >= t.Memory * MB)!;
        int buffers = inMemory ? Math.Min(tier.SharedBuffers, 32) : tier.SharedBuffers;
        long cache = Math.Max(64, limits.Memory / MB * 3 / 4);
        int gather = limits.Processors == 1 ? 0 : 2;
        return string.Create(CultureInfo.InvariantCulture, $"""
            # Written by pocketgres at each start: do not edit. What postgresql.conf, ALTER SYSTEM and -c say wins.
            # Memory: {limits.Memory / MB} MB ({limits.MemorySource}). Processors: {limits.Processors} ({limits.ProcessorsSource}).
            shared_buffers = {buffers}MB
            work_mem = {tier.WorkMem}MB
            maintenance_work_mem = {tier.MaintenanceWorkMem}MB
            effective_cache_size = {cache}MB
            max_connections = {tier.MaxConnections}
            max_wal_size = {tier.MaxWalSize}MB
            max_parallel_workers_per_gather = {gather}
            max_parallel_maintenance_workers = {gather}

            """);
    }

    private sealed record Tier(int Memory, int SharedBuffers, int WorkMem, int MaintenanceWorkMem, int MaxConnections, int MaxWalSize);
}
