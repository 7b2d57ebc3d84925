using System.Text;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Tests;

/// <summary>What a new cluster's configuration says, by the memory of the machine that makes it.</summary>
public sealed class MachineSizeTests
{
    [Theory]
    [InlineData(128, "shared_buffers = 16MB")]
    [InlineData(255, "shared_buffers = 16MB")]
    [InlineData(256, "shared_buffers = 32MB")]
    [InlineData(24_000, "shared_buffers = 32MB")]
    public void A_small_machine_gets_small_buffers(long megabytes, string expected)
    {
        using var files = MemoryFileSystem.FromImage(EngineFiles.Default.Template);
        string before = Text(files);
        MachineSize.Fit(files, "/", megabytes << 20);
        string after = Text(files);
        Assert.Contains("\n" + expected, after, StringComparison.Ordinal);
        Assert.Equal(before, after.Replace(expected, "shared_buffers = 32MB", StringComparison.Ordinal)); // and nothing else changed
    }

    private static string Text(MemoryFileSystem files) => Encoding.UTF8.GetString(FileTree.ReadAll(files, "/postgresql.conf"));
}
