using Pocketgres.Engine;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Files.Faults;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Directories;

/// <summary>A new cluster is there wholly or not at all, whatever ends its creation: every call of it is tried.</summary>
public sealed class CreationTests : IDisposable
{
    readonly TemporaryDirectory _temporary = new();
    readonly FileSystemImage _template;

    public CreationTests()
    {
        // A cluster in small: what the creation looks at, and a few files more. The whole one has a thousand.
        using MemoryFileSystem whole = MemoryFileSystem.FromImage(EngineFiles.Default.Template);
        var writer = new FileSystemImageWriter();
        writer.AddDirectory("/", 0x1C0);
        foreach (string directory in (string[])["/global", "/base", "/base/1", "/pg_wal", "/pg_wal/summaries", "/pg_xact"])
        {
            writer.AddDirectory(directory, 0x1C0);
        }

        foreach (string file in (string[])["/PG_VERSION", "/global/pg_control", "/global/pg_filenode.map", "/base/1/PG_VERSION", "/base/1/1247", "/pg_xact/0000", "/postgresql.conf"])
        {
            writer.AddFile(file, 0x180, FileTree.ReadAll(whole, file));
        }

        writer.AddFile("/pg_wal/000000010000000000000001", 0x180, FileTree.ReadAll(whole, "/pg_wal/000000010000000000000001", 40_000));
        writer.Save(_temporary.Combine("index"), _temporary.Combine("image"));
        _template = FileSystemImage.Open(_temporary.Combine("index"), _temporary.Combine("image"));
    }

    public void Dispose()
    {
        _template.Dispose();
        _temporary.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_power_cut_at_any_call_leaves_nothing_or_leads_to_a_whole_cluster(bool syncfs)
    {
        int untouched = 0, finished = 0;
        for (int n = 1; ; n++)
        {
            for (int variant = 0; variant < 3; variant++)
            {
                var power = new PowerLossFileSystem(new MemoryFileSystem(), new PowerLossOptions
                {
                    Seed = (n * 10) + variant, WriteBack = variant / 2.0, NameWriteBack = variant / 2.0, SyncsWhole = syncfs, NamesWithFiles = false,
                });
                MemoryFileSystem? cut = null;
                long calls = 0;
                var files = new FaultFileSystem(power)
                {
                    Observer = (call, _) => cut = (call.Operation & FileOperations.Changes) != 0 && ++calls == n ? power.CutPower() : cut,
                };
                Exception? error = Record.Exception(() => ClusterCreation.Run(files, "/", _template));
                if (cut is null)
                {
                    // It got through: whatever comes now, it stays.
                    Assert.Null(error);
                    CheckWhole(power.CutPower());
                    Assert.True(untouched > 10 && finished > 10, $"{untouched}, {finished}");
                    return;
                }

                Assert.IsType<FileSystemException>(error);
                DirectoryKind kind = ClusterCreation.Inspect(cut, "/");
                Assert.Contains(kind, (DirectoryKind[])[DirectoryKind.Empty, DirectoryKind.Finished, DirectoryKind.Cluster]);
                untouched += kind == DirectoryKind.Empty ? 1 : 0;
                finished += kind == DirectoryKind.Finished ? 1 : 0;
                if (kind != DirectoryKind.Cluster)
                {
                    ClusterCreation.Run(cut, "/", _template);
                }

                CheckWhole(cut);
                power.Free();
            }
        }
    }

    [Theory]
    [InlineData(Errno.EIO, 1)]
    [InlineData(Errno.ENOSPC, long.MaxValue)]
    public void An_error_at_any_call_is_reported_and_the_next_attempt_succeeds(Errno error, long count)
    {
        for (int n = 1; ; n++)
        {
            using var memory = new MemoryFileSystem();
            var files = new FaultFileSystem(memory);
            files.Add(new FaultRule { First = n, Count = count, Error = error });
            var thrown = (FileSystemException?)Record.Exception(() => ClusterCreation.Run(files, "/", _template));
            if (files.Injected == 0)
            {
                Assert.Null(thrown);
                Assert.True(n > 50);
                return;
            }

            Assert.True(thrown is not null, $"call {n} failed and nobody noticed");
            Assert.Equal(error, thrown.Error);
            files.Clear();
            Assert.NotEqual(DirectoryKind.Foreign, ClusterCreation.Inspect(files, "/"));
            if (ClusterCreation.Inspect(files, "/") != DirectoryKind.Cluster)
            {
                ClusterCreation.Run(files, "/", _template);
            }

            CheckWhole(memory);
        }
    }

    [Fact]
    public void A_full_disk_is_as_empty_as_before()
    {
        using var memory = new MemoryFileSystem(sizeLimit: 100_000);
        Assert.Equal(Errno.ENOSPC, Assert.Throws<FileSystemException>(() => ClusterCreation.Run(memory, "/", _template)).Error);
        Assert.Empty(FileTree.List(memory, "/"));
        Assert.Equal(0, memory.UsedBytes);
    }

    [Fact]
    public async Task A_template_makes_clusters_with_different_identities()
    {
        using var directory = new TemporaryDirectory();
        var identifiers = new HashSet<ulong>();
        foreach (string name in (string[])["a", "b"])
        {
            using (DataDirectory.Open(directory.Combine(name), EngineFiles.Default))
            {
            }

            ControlFile control = ControlFile.Parse(await File.ReadAllBytesAsync(directory.Combine(name + "/global/pg_control")));
            Assert.True(control.IsIntact);
            identifiers.Add(control.SystemIdentifier);
            ToolResult seen = (await Tool.RunAsync(Workspace.Pg18("pg_controldata"), [directory.Combine(name)])).Succeeded();
            Assert.Contains($"Database system identifier:           {control.SystemIdentifier}", seen.Output, StringComparison.Ordinal);
            Assert.DoesNotContain("WARNING", seen.Output + seen.Error, StringComparison.Ordinal);
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(directory.Combine(name)));
        }

        Assert.Equal(2, identifiers.Count);
    }

    void CheckWhole(MemoryFileSystem files)
    {
        using var expected = MemoryFileSystem.FromImage(_template);
        MachineSettings.Prepare(expected, "/");
        Assert.Equal(DirectoryKind.Cluster, ClusterCreation.Inspect(files, "/"));
        Assert.Equal([.. List(expected, "/").Append("/" + EngineStamp.Name).Order(StringComparer.Ordinal)], List(files, "/"));
        foreach (string path in (string[])["/PG_VERSION", "/base/1/1247", "/pg_xact/0000", "/postgresql.conf"])
        {
            Assert.Equal(FileTree.ReadAll(expected, path), FileTree.ReadAll(files, path));
        }

        ControlFile control = ControlFile.Parse(FileTree.ReadAll(files, "/global/pg_control"));
        Assert.True(control.IsIntact);
        byte[] wal = FileTree.ReadAll(files, "/pg_wal/000000010000000000000001");
        Assert.Equal(control.SystemIdentifier, BitConverter.ToUInt64(wal, 24));
        Assert.Equal(FileTree.ReadAll(expected, "/pg_wal/000000010000000000000001")[32..], wal[32..]);
        Assert.Equal(1, EngineStamp.Read(files, "/")!.Format);
        files.Dispose();
    }

    static List<string> List(IFileSystem files, string path) => [.. FileTree.List(files, path).SelectMany(entry =>
    {
        string below = FileTree.Combine(path, entry.Name);
        return entry.Type == 4 ? List(files, below).Prepend(below) : [below];
    }).Order(StringComparer.Ordinal)];
}
