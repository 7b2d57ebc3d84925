using System.IO.Compression;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Durability.Tests.Directories;

/// <summary>Directories of PGlite, which are of a 32-bit server, in and out; eng/pglite.sh is the long form.</summary>
public class PGliteTests
{
    static readonly string s_installed = Path.Combine(Workspace.Artifacts, "clients", "pglite");
    static readonly string s_script = Path.Combine(Workspace.Root, "tests", "clients", "pglite", "content.mjs");

    [Fact]
    public async Task A_database_of_PGlite_comes_in_and_goes_out_again()
    {
        Assert.True(Directory.Exists(Path.Combine(s_installed, "node_modules")), "PGlite is not installed: run eng/clients.sh");
        using var directory = new TemporaryDirectory();
        string theirs = directory.Combine("theirs"), archive = directory.Combine("theirs.tgz"), ours = directory.Combine("ours"), back = directory.Combine("back.tgz");

        // Killed, so that the log of the other server is replayed first.
        ToolResult made = await NodeAsync("make", theirs, "--seed", "1", "--archive", archive, "--kill");
        string[] expected = Lines(made);
        Assert.True(expected.Length > 400, made.Error);

        // As versions of ours with that engine left it.
        await File.WriteAllTextAsync(Path.Combine(theirs, "pocketgres.version"), "format=1\nmade_by=pocketgres 0.1.0\nengine=PostgreSQL 18.6 (wasm32)\n");
        ToolResult imported = (await CliServer.RunToEndAsync("import-pgdata", theirs, ours)).Succeeded();
        Assert.Contains("64-bit", await File.ReadAllTextAsync(Path.Combine(ours, "pocketgres.version")), StringComparison.Ordinal);
        Assert.Contains("recovered from its log", imported.Error, StringComparison.Ordinal);
        Assert.Contains("32-bit", imported.Error, StringComparison.Ordinal);
        await using (TestServer server = await CliServer.StartAsync(new ServerOptions { DataDirectory = ours }))
        {
            ToolResult described = (await Tool.RunAsync(Workspace.Pg18("psql"), ["-XAtc", "SELECT described()"], server.Environ())).Succeeded();

            // A crash skips numbers that were only fetched.
            Assert.Equal(WithoutSequences(expected), WithoutSequences(Lines(described)));
            expected = Lines(described);
            (await Tool.RunAsync(Workspace.Pg18("pg_amcheck"), ["--all", "--install-missing", "--heapallindexed", "--parent-check"], server.Environ())).Succeeded();
            Assert.Equal(0, await server.StopAsync());
        }

        (await CliServer.RunToEndAsync("export-pgdata", "--pglite", ours, back)).Succeeded();
        Assert.False(Path.Exists(back + ".unfinished"));

        // The extension that checked the copy is in it.
        Assert.Equal(expected, Lines((await NodeAsync("load", back, "--seed", "1")).Succeeded()).Where(l => !l.StartsWith("amcheck", StringComparison.Ordinal)));

        string tried = directory.Combine("tried");
        Assert.Contains("nothing was made", (await CliServer.RunToEndAsync("import-pgdata", "--dry-run", archive, tried)).Succeeded().Output, StringComparison.Ordinal);
        Assert.False(Path.Exists(tried));
        byte[] tar = Unpacked(archive);
        await RefusedAsync("is cut off or damaged", (await File.ReadAllBytesAsync(archive))[..^100_000]);
        await RefusedAsync("is cut off or damaged", tar[..^1024]);
        await RefusedAsync("neither a data directory nor a tar archive", "-- PostgreSQL database dump"u8.ToArray());

        async Task RefusedAsync(string message, byte[] content)
        {
            string damaged = directory.Combine("damaged");
            await File.WriteAllBytesAsync(damaged, content);
            ToolResult result = await CliServer.RunToEndAsync("import-pgdata", damaged, tried);
            Assert.NotEqual(0, result.ExitCode);
            Assert.Contains(message, result.Error, StringComparison.Ordinal);
            Assert.False(Path.Exists(tried));
        }
    }

    static Task<ToolResult> NodeAsync(params string[] arguments) => Tool.RunAsync("node", [s_script, s_installed, .. arguments], deadline: TimeSpan.FromMinutes(3));

    static string[] Lines(ToolResult result) => result.Output.TrimEnd().Split('\n');

    static IEnumerable<string> WithoutSequences(string[] lines) => lines.Where(l => !l.StartsWith("sequence ", StringComparison.Ordinal));

    static byte[] Unpacked(string archive)
    {
        using var content = new GZipStream(File.OpenRead(archive), CompressionMode.Decompress);
        using var memory = new MemoryStream();
        content.CopyTo(memory);
        return memory.ToArray();
    }
}
