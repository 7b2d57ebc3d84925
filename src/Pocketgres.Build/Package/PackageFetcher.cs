using System.ComponentModel;
using System.Diagnostics;
using System.Formats.Tar;
using System.IO.Compression;
using Pocketgres.Build.Publishing;
using Pocketgres.Pglite;

namespace Pocketgres.Build.Package;

/// <summary>
/// Gets the npm package with npm's own client (<c>npm pack</c>: a download, no script of the package is run) and keeps the files that the build
/// reads. <see cref="NpmPackage.OverrideVariable"/> names a ready tarball or directory instead, for machines without npm or network.
/// </summary>
internal sealed class PackageFetcher(string cacheDirectory, TextWriter log, NpmPackage package)
{
    /// <summary>Fetches the server's own package.</summary>
    public PackageFetcher(string cacheDirectory, TextWriter log)
        : this(cacheDirectory, log, NpmPackage.Pglite)
    {
    }

    private string PackageId => package.Id;

    private string Unpacked => Path.Combine(cacheDirectory, package.DirectoryName);

    /// <summary>Returns the verified files of the server's package and of all packages with further extensions.</summary>
    /// <exception cref="BuildException">As <see cref="Fetch"/>.</exception>
    public static PackageFiles FetchAll(string cacheDirectory, TextWriter log)
    {
        var files = new PackageFetcher(cacheDirectory, log).Fetch();
        foreach (var extension in NpmPackage.Extensions)
        {
            files.Add(new PackageFetcher(cacheDirectory, log, extension).Fetch());
        }

        return files;
    }

    /// <summary>Returns the verified files, downloading them at most once.</summary>
    /// <exception cref="BuildException">npm is missing or fails, or a file is not the expected one.</exception>
    public PackageFiles Fetch()
    {
        string? given = Environment.GetEnvironmentVariable(package.OverrideVariable);
        if (!string.IsNullOrEmpty(given))
        {
            return FetchGiven(given);
        }

        Directory.CreateDirectory(cacheDirectory);
        using var turn = DirectoryLock.Acquire(cacheDirectory);
        if (!IsComplete(Unpacked))
        {
            string tarball = Download();
            Unpack(tarball, Unpacked);
            File.Delete(tarball);
        }

        return PackageFiles.Load(Unpacked, package);
    }

    private PackageFiles FetchGiven(string given)
    {
        if (Directory.Exists(given))
        {
            return PackageFiles.Load(given, package);
        }

        if (!File.Exists(given))
        {
            throw new BuildException($"{package.OverrideVariable} is {given}, which does not exist: name the package's tarball or its unpacked directory");
        }

        string temporary = Directory.CreateTempSubdirectory("pocketgres-pglite-").FullName;
        try
        {
            Unpack(given, Path.Combine(temporary, "package"));
            return PackageFiles.Load(Path.Combine(temporary, "package"), package);
        }
        finally
        {
            Directory.Delete(temporary, recursive: true);
        }
    }

    private bool IsComplete(string directory) => package.Sha256.Keys.All(f => File.Exists(Path.Combine(directory, f)));

    /// <summary>Downloads the package's tarball and returns its path.</summary>
    /// <exception cref="BuildException">npm is missing or fails.</exception>
    public string Download()
    {
        log.WriteLine($"npm pack {PackageId}");
        var start = new ProcessStartInfo(OperatingSystem.IsWindows() ? "npm.cmd" : "npm")
        {
            ArgumentList = { "pack", PackageId, "--pack-destination", Path.GetFullPath(cacheDirectory), "--ignore-scripts", "--loglevel", "error" },
            WorkingDirectory = cacheDirectory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var npm = StartNpm(start);
        var error = npm.StandardError.ReadToEndAsync();
        string output = npm.StandardOutput.ReadToEnd();
        npm.WaitForExit();
        if (npm.ExitCode != 0)
        {
            throw new BuildException(
                $"npm could not download {PackageId} ({ErrorLine(error.Result)}): check the network and npm's registry setting, or set " +
                $"{package.OverrideVariable} to the package's tarball or unpacked directory");
        }

        // npm prints the tarball's name last.
        string name = output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).LastOrDefault() ?? "";
        string tarball = Path.Combine(cacheDirectory, Path.GetFileName(name));
        return name.Length > 0 && File.Exists(tarball)
            ? tarball
            : throw new BuildException($"npm pack reported success but left no tarball \"{name}\" in {cacheDirectory}");
    }

    private Process StartNpm(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new BuildException(
                $"npm was not found; it is needed once, to download {PackageId} (nothing of the package is run by Node): install npm, or set " +
                $"{package.OverrideVariable} to the package's tarball or unpacked directory", e);
        }
    }

    // npm's own summary of what failed: "npm error code ENOTFOUND".
    private static string ErrorLine(string error)
    {
        string[] lines = error.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return lines.FirstOrDefault(l => l.Contains(" code ", StringComparison.Ordinal)) ?? lines.FirstOrDefault() ?? "no message";
    }

    // Entries are "package/dist/<file>"; only the files that the build reads are kept, flat.
    private void Unpack(string tarball, string target)
    {
        string temporary = target + ".partial";
        Directory.CreateDirectory(temporary);
        using (var reader = new TarReader(new GZipStream(File.OpenRead(tarball), CompressionMode.Decompress)))
        {
            while (reader.GetNextEntry() is { } entry)
            {
                string prefix = "package/" + PglitePackage.Directory + "/";
                if (entry.Name.StartsWith(prefix, StringComparison.Ordinal) && package.Sha256.ContainsKey(entry.Name[prefix.Length..]))
                {
                    entry.ExtractToFile(Path.Combine(temporary, entry.Name[prefix.Length..]), overwrite: true);
                }
            }
        }

        if (Directory.Exists(target))
        {
            Directory.Delete(target, recursive: true);
        }

        Directory.Move(temporary, target);
    }
}
