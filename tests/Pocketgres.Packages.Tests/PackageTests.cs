using System.Diagnostics;
using System.IO.Compression;
using System.Text.Json;

namespace Pocketgres.Packages.Tests;

/// <summary>The packages as their users get them.</summary>
public sealed class PackageTests(PackedPackages packages) : IClassFixture<PackedPackages>
{
    public static TheoryData<string> Libraries =>
    [
        "Pocketgres", "Pocketgres.Bucket", "Pocketgres.Engine", "Pocketgres.Kernel", "Pocketgres.ObjectStore", "Pocketgres.ObjectStore.AzureBlob", "Pocketgres.Installation", "Pocketgres.Server", "Pocketgres.Testing",
        "Pocketgres.Testing.NUnit", "Pocketgres.Testing.Xunit", "Pocketgres.Testing.XunitV3", "Pocketgres.Tools",
    ];

    [Theory]
    [MemberData(nameof(Libraries))]
    public void A_library_has_documentation_symbols_readme_and_notices(string name)
    {
        var files = Entries(name, ".nupkg");
        Assert.Contains($"lib/net10.0/{name}.dll", files);
        Assert.Contains($"lib/net10.0/{name}.xml", files);
        Assert.Contains("README.md", files);
        Assert.Contains("THIRD-PARTY-NOTICES.md", files);
        Assert.Contains($"lib/net10.0/{name}.pdb", Entries(name, ".snupkg"));
    }

    [Theory]
    [MemberData(nameof(Libraries))]
    [InlineData("Pocketgres.Postgres")]
    [InlineData("Pocketgres.Postgres.Modules")]
    [InlineData("Pocketgres.Cli")]
    public void Every_package_names_and_contains_the_licence(string name)
    {
        using var archive = ZipFile.OpenRead(Path.Combine(PackedPackages.Feed, name + ".0.1.0.nupkg"));
        Assert.NotNull(archive.GetEntry("LICENSE"));
        using var specification = new StreamReader(archive.GetEntry(name + ".nuspec")!.Open());
        Assert.Contains("<license type=\"expression\">PostgreSQL</license>", specification.ReadToEnd(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("Pocketgres")]
    [InlineData("Pocketgres.Engine")]
    [InlineData("Pocketgres.Kernel")]
    [InlineData("Pocketgres.Server")]
    public void Libraries_on_the_way_to_the_first_row_have_native_code(string name)
    {
        using var archive = ZipFile.OpenRead(Path.Combine(PackedPackages.Feed, name + ".0.1.0.nupkg"));
        var portable = archive.GetEntry($"lib/net10.0/{name}.dll")!;
        var native = archive.GetEntry($"runtimes/linux-x64/lib/net10.0/{name}.dll");
        Assert.NotNull(native);
        Assert.True(native.Length > portable.Length, $"{native.Length} and {portable.Length} bytes");
    }

    [Fact]
    public void Test_projects_get_the_runtime_settings_for_short_runs() =>
        Assert.Contains("buildTransitive/Pocketgres.Testing.props", Entries("Pocketgres.Testing", ".nupkg"));

    [Fact]
    public void The_engine_and_the_tool_have_engine_settings_and_licences()
    {
        var engine = Entries("Pocketgres.Postgres", ".nupkg");
        Assert.Contains("postgres/modules.txt", engine);
        Assert.Contains("postgres/template.image", engine);
        Assert.Contains("postgres/Pocketgres.Translated.Postgres.dll", engine);
        Assert.Contains("buildTransitive/Pocketgres.Postgres.targets", engine);
        Assert.Contains("licenses/PostgreSQL.txt", engine);
        Assert.Contains("licenses/Apache-2.0.txt", engine);
        var tool = Entries("Pocketgres.Cli", ".nupkg");
        Assert.Contains("tools/net10.0/any/postgres/template.image", tool);
        Assert.Contains("tools/net10.0/any/postgres/licenses/PostgreSQL.txt", tool);
        Assert.Contains("README.md", tool);
    }

    [Fact]
    public async Task An_application_outside_the_solution_consumes_them()
    {
        string directory = Path.Combine(packages.Workspace, "Consumer");
        Directory.CreateDirectory(directory);
        foreach (string file in Directory.GetFiles(Path.Combine(PackedPackages.RepositoryRoot, "samples/Consumer")))
        {
            File.Copy(file, Path.Combine(directory, Path.GetFileName(file)));
        }

        await packages.RunAsync(directory, "dotnet", "build", "-c", "Release", "-v", "q", "-nologo");
        string output = Path.Combine(directory, "bin/Release/net10.0");
        AssertWorks(await packages.RunAsync("/", "dotnet", "exec", Path.Combine(output, "Consumer.dll")));
        Assert.True(File.Exists(Path.Combine(output, "postgres/template.image")));
        Assert.True(File.Exists(Path.Combine(output, "runtimes/linux-x64/lib/net10.0/Pocketgres.Kernel.dll"))); // what .NET loads there

        // Without copies of the engine, and published.
        await packages.RunAsync(directory, "dotnet", "build", "-c", "Lean", "-p:PocketgresCopyEngine=false", "-v", "q", "-nologo");
        output = Path.Combine(directory, "bin/Lean/net10.0");
        Assert.False(Directory.Exists(Path.Combine(output, "postgres")));
        AssertWorks(await packages.RunAsync("/", "dotnet", "exec", Path.Combine(output, "Consumer.dll")));
        string published = Path.Combine(packages.Workspace, "published");
        await packages.RunAsync(directory, "dotnet", "publish", "-c", "Lean", "-p:PocketgresCopyEngine=false", "-o", published, "-v", "q", "-nologo");
        Assert.True(File.Exists(Path.Combine(published, "postgres/licenses/PostgreSQL.txt")));
        AssertWorks(await packages.RunAsync("/", "dotnet", "exec", Path.Combine(published, "Consumer.dll")));

        static void AssertWorks(string printed) =>
            Assert.Matches(@"^1000 rows, 18\.\d+\nRunning\n$", printed);
    }

    [Fact]
    public async Task The_compiled_modules_come_from_their_package_without_a_compiler()
    {
        // As a project of a clone that chose the package: with eng/Modules.targets and the clone's versions, and with no compiler's result within reach.
        string directory = Path.Combine(packages.Workspace, "Modules");
        Directory.CreateDirectory(directory);
        string project = Path.Combine(directory, "Modules.csproj");
        await File.WriteAllTextAsync(project, $"""<Project Sdk="Microsoft.NET.Sdk"><Import Project="{PackedPackages.RepositoryRoot}/eng/Modules.targets" /></Project>""");
        string[] build = ["-u", "PocketgresPostgres", "dotnet", "msbuild", project, "-restore", "-nologo", "-v:q", "-t:CompilePostgres", "-getProperty:PocketgresPostgres",
            $"-p:DirectoryBuildPropsPath={PackedPackages.RepositoryRoot}/Directory.Build.props", $"-p:DirectoryPackagesPropsPath={PackedPackages.RepositoryRoot}/Directory.Packages.props"];
        string[] arguments = [.. build, "-p:PocketgresModules=package"];
        string taken = (await packages.RunAsync(packages.Workspace, "env", arguments)).Trim();
        Assert.StartsWith(packages.Workspace, taken, StringComparison.Ordinal);

        string? named = Environment.GetEnvironmentVariable("PocketgresPostgres");
        string compiled = Path.GetFullPath(named is { Length: > 0 } ? named : (await packages.RunAsync(packages.Workspace, "env", build)).Trim());
        Assert.NotEqual(compiled, taken);
        Assert.Equal(Hashes(compiled), Hashes(taken));
        Assert.Contains(Path.Combine("bin", "postgres"), Hashes(taken).Keys);

        // Of another engine than the clone's: refused.
        string version = Path.Combine(taken, "VERSION");
        await File.WriteAllTextAsync(version, (await File.ReadAllTextAsync(version)).Replace("inputs ", "inputs 0", StringComparison.Ordinal));
        using var refused = packages.Start(packages.Workspace, "env", arguments);
        string said = await refused.StandardOutput.ReadToEndAsync() + await refused.StandardError.ReadToEndAsync();
        await refused.WaitForExitAsync();
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("was compiled from other sources than eng/engine of this clone: take the package of this version, or compile them with PocketgresModules=source", said, StringComparison.Ordinal);

        static SortedDictionary<string, string> Hashes(string directory) => new(
            Directory.GetFiles(directory, "*", SearchOption.AllDirectories).ToDictionary(
                f => Path.GetRelativePath(directory, f), f => Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(File.ReadAllBytes(f)))), StringComparer.Ordinal);
    }

    [Fact]
    public async Task The_tool_installs_and_serves()
    {
        string directory = Path.Combine(packages.Workspace, "tool");
        await packages.RunAsync(packages.Workspace, "dotnet", "tool", "install", "Pocketgres.Cli", "--tool-path", directory, "--version", "0.1.0",
            "--source", PackedPackages.Feed);
        await AssertServesAsync(Path.Combine(directory, "pocketgres"));
    }

    [Fact]
    public async Task The_single_file_runs_alone()
    {
        string directory = Path.Combine(packages.Workspace, "single");
        await packages.RunAsync(PackedPackages.RepositoryRoot, Path.Combine(PackedPackages.RepositoryRoot, "eng/single-file.sh"), directory);
        Assert.Equal([Path.Combine(directory, "pocketgres")], Directory.GetFileSystemEntries(directory));
        await AssertServesAsync(Path.Combine(directory, "pocketgres"));

        using var http = packages.Start(packages.Workspace, Path.Combine(directory, "pocketgres"), "serve", "memory:", "--port", "0", "--http", "0");
        string said = await http.StandardError.ReadToEndAsync().WaitAsync(TimeSpan.FromMinutes(1));
        await http.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
        Assert.NotEqual(0, http.ExitCode);
        Assert.Contains("--http needs the ASP.NET Core runtime", said, StringComparison.Ordinal);
        Assert.Single(said.TrimEnd().Split('\n'));
    }

    private async Task AssertServesAsync(string program)
    {
        using var process = packages.Start(packages.Workspace, program, "serve", "memory:", "--port", "0");
        try
        {
            string? ready = await process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromMinutes(1));
            Assert.False(ready is null, ready is null ? await process.StandardError.ReadToEndAsync() : null);
            Assert.True(JsonDocument.Parse(ready!).RootElement.GetProperty("port").GetInt32() > 0);
            using var stop = Process.Start("kill", ["-TERM", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
            Assert.Equal(0, process.ExitCode);
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill();
            }
        }
    }

    private static HashSet<string> Entries(string package, string extension)
    {
        using var archive = ZipFile.OpenRead(Path.Combine(PackedPackages.Feed, package + ".0.1.0" + extension));
        return [.. archive.Entries.Select(e => e.FullName)];
    }
}
