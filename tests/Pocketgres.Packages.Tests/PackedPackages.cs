using System.Diagnostics;
using System.Reflection;
using System.Text;

namespace Pocketgres.Packages.Tests;

/// <summary>The packages, packed once, and a place outside of the repository to use them from, with a package cache of its own.</summary>
public sealed class PackedPackages : IAsyncLifetime
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    public static string RepositoryRoot { get; } = Metadata("RepositoryRoot");

    public static string Feed => Path.Combine(RepositoryRoot, "artifacts/packages");

    public string Workspace { get; } = Directory.CreateTempSubdirectory("pgpackages-").FullName;

    public async Task InitializeAsync()
    {
        Assert.Equal("Release", Metadata("Configuration")); // what is packed is what Release built
        await RunAsync(RepositoryRoot, Path.Combine(RepositoryRoot, "eng/pack.sh"));

        // The machine's own sources and cache for everybody else's packages; ours only from the feed, not from an earlier run.
        await File.WriteAllTextAsync(Path.Combine(Workspace, "nuget.config"), $"""
            <configuration>
              <packageSources><add key="local" value="{Feed}" /></packageSources>
              <fallbackPackageFolders><add key="cache" value="{MachineCache}" /></fallbackPackageFolders>
            </configuration>
            """);
    }

    public Task DisposeAsync()
    {
        Directory.Delete(Workspace, recursive: true);
        return Task.CompletedTask;
    }

    /// <summary>Runs a program to its end and returns its standard output; it must succeed.</summary>
    public async Task<string> RunAsync(string directory, string program, params string[] arguments)
    {
        using var process = Start(directory, program, arguments);
        var error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync().WaitAsync(s_patience);
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: exit code {process.ExitCode}\n{output}\n{await error}");
        return output;
    }

    public Process Start(string directory, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            Environment =
            {
                ["NUGET_PACKAGES"] = Path.Combine(Workspace, "packages"),
                ["DOTNET_CLI_TELEMETRY_OPTOUT"] = "1",
                ["DOTNET_NOLOGO"] = "1",
                ["DOTNET_BUNDLE_EXTRACT_BASE_DIR"] = Path.Combine(Workspace, "extracted"),
                ["MSBUILDDISABLENODEREUSE"] = "1",
            },
        };

        // What dotnet test tells its children is not for a build of its own.
        foreach (string name in start.Environment.Keys.Where(k => k.StartsWith("MSBuild", StringComparison.Ordinal) || k.StartsWith("VSTEST", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }

        if (directory == RepositoryRoot)
        {
            start.Environment.Remove("NUGET_PACKAGES");
        }

        return Process.Start(start)!;
    }

    private static string MachineCache => Environment.GetEnvironmentVariable("NUGET_PACKAGES") is { Length: > 0 } set
        ? set : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget/packages");

    private static string Metadata(string key) =>
        typeof(PackedPackages).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == key).Value!;
}
