using Pocketgres.Durability.Tests.Support;
using Pocketgres.Engine;
using Pocketgres.Engine.Data;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Directories;

/// <summary>What may be opened and what is refused, and with which words.</summary>
public class OpeningTests
{
    [Fact]
    public async Task A_directory_made_by_PGlite_is_refused_with_the_way_to_move_it()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        string installed = Path.Combine(Workspace.Artifacts, "clients", "pglite");
        Assert.True(Directory.Exists(Path.Combine(installed, "node_modules")), "PGlite is not installed: run eng/clients.sh");
        (await Tool.RunAsync("node", [Path.Combine(Workspace.Root, "tests", "clients", "pglite", "create.mjs"), installed, data])).Succeeded();
        byte[] control = File.ReadAllBytes(data + "/global/pg_control");
        ClusterException e = Refused(data, ClusterError.WrongVersion);
        Assert.Contains("32-bit", e.Message, StringComparison.Ordinal);
        Assert.Contains($"pocketgres import-pgdata {data} ", e.Message, StringComparison.Ordinal);
        Assert.Equal(control, File.ReadAllBytes(data + "/global/pg_control"));
        Assert.False(File.Exists(Path.Combine(data, EngineStamp.Name)));
    }

    [NamespaceFact]
    public async Task A_read_only_parent_is_no_obstacle_and_a_read_only_directory_is_named()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        Directory.CreateDirectory(data);
        string command = $"mount --bind {directory.Path} {directory.Path}; mount --bind {data} {data}; mount -o remount,ro,bind {directory.Path}; ";
        string serve = $"exec dotnet exec {CliServer.CliPath} serve file:{data} --port 0 --parent-pid ";

        // The parent process is gone at once: the server starts and stops.
        ToolResult created = await UnshareAsync(command + $"sleep 0.1 & {serve} $!");
        Assert.True(created.ExitCode == 0 && File.Exists(data + "/PG_VERSION"), created.Error);

        ToolResult refused = await UnshareAsync(command + $"mount -o remount,ro,bind {data}; {serve} 1");
        Assert.Equal(4, refused.ExitCode);
        Assert.Contains(data, refused.Error, StringComparison.Ordinal);
        Assert.Contains("ead-only", refused.Error, StringComparison.Ordinal);
        Assert.Single(refused.Error.TrimEnd().Split('\n'));
    }

    [NamespaceFact]
    public async Task A_mount_point_is_filled_in_place()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        Directory.CreateDirectory(data);
        ToolResult result = await UnshareAsync(
            $"mount -t tmpfs none {data}; sleep 0.1 & dotnet exec {CliServer.CliPath} serve file:{data} --port 0 --parent-pid $! && cat {data}/PG_VERSION && ls -a {data}");
        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Contains("18\n.\n", result.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(".pocketgres", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void What_mkfs_leaves_is_not_foreign_but_no_place_either()
    {
        using var directory = new TemporaryDirectory();
        Directory.CreateDirectory(directory.Combine("lost+found"));
        ClusterException e = Refused(directory.Path, ClusterError.ForeignDirectory);
        Assert.Contains("lost+found", e.Message, StringComparison.Ordinal);
        Assert.Equal([directory.Combine("lost+found")], Directory.GetFileSystemEntries(directory.Path));
    }

    [Fact]
    public void A_dangling_link_becomes_a_directory_where_it_points()
    {
        using var directory = new TemporaryDirectory();
        File.CreateSymbolicLink(directory.Combine("link"), directory.Combine("far/away"));
        using DataDirectory opened = DataDirectory.Open(directory.Combine("link"), EngineFiles.Default);
        Assert.Equal(directory.Combine("far/away"), opened.Path);
        Assert.True(File.Exists(directory.Combine("far/away/PG_VERSION")));
    }

    [Theory]
    [InlineData(8, "control file has version", ClusterError.WrongVersion)]
    [InlineData(12, "catalogue has version", ClusterError.WrongVersion)]
    [InlineData(216, "other sizes", ClusterError.WrongVersion)]
    [InlineData(248, "32-bit", ClusterError.WrongVersion)]
    [InlineData(-100, "wrong checksum", ClusterError.StartFailed)]
    public void A_control_file_of_another_build_or_damaged_is_refused(int offset, string words, ClusterError error)
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        DataDirectory.Open(data, EngineFiles.Default).Dispose();
        string path = data + "/global/pg_control";
        byte[] bytes = File.ReadAllBytes(path);
        bytes[Math.Abs(offset)] ^= 1;
        if (offset > 0)
        {
            BitConverter.TryWriteBytes(bytes.AsSpan(292), Crc32C.Compute(bytes.AsSpan(0, 292)));
        }

        File.WriteAllBytes(path, bytes);
        Assert.Contains(words, Refused(data, error).Message, StringComparison.Ordinal);
        Assert.Equal(bytes, File.ReadAllBytes(path));
    }

    [Fact]
    public void A_directory_of_a_newer_program_is_refused()
    {
        using var directory = new TemporaryDirectory();
        string data = directory.Combine("data");
        DataDirectory.Open(data, EngineFiles.Default).Dispose();
        string stamp = directory.Combine("data/" + EngineStamp.Name);
        File.WriteAllText(stamp, File.ReadAllText(stamp).Replace("format=1", "format=2", StringComparison.Ordinal).Replace("pocketgres ", "pocketgres 9.", StringComparison.Ordinal));
        ClusterException e = Refused(data, ClusterError.WrongVersion);
        Assert.Contains("9.", e.Message, StringComparison.Ordinal);
        Assert.Contains("format 2", e.Message, StringComparison.Ordinal);
        File.WriteAllText(stamp, "");
        Refused(data, ClusterError.WrongVersion);
        File.Delete(stamp); // as a native server's
        DataDirectory.Open(data, EngineFiles.Default).Dispose();
        Assert.True(File.Exists(stamp));
    }

    static ClusterException Refused(string path, ClusterError error)
    {
        var e = Assert.Throws<ClusterException>(() => DataDirectory.Open(path, EngineFiles.Default));
        Assert.Equal(error, e.Error);
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
        return e;
    }

    static Task<ToolResult> UnshareAsync(string script) =>
        Tool.RunAsync("unshare", ["--mount", "--pid", "--fork", "--uts", "--mount-proc", "sh", "-c", script], deadline: TimeSpan.FromSeconds(60));
}
