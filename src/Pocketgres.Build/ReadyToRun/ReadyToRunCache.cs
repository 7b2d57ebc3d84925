using Pocketgres.Build.Publishing;

namespace Pocketgres.Build.ReadyToRun;

/// <summary>
/// Compiled assemblies by the hash of their IL and of the compiler's options: when one module or the kernel's list of host functions changes,
/// only the modules whose IL changed are compiled again. Code in a ReadyToRun image binds to other assemblies by name and signature, so
/// their content is no part of the hash.
/// </summary>
internal sealed class ReadyToRunCache(string directory, CrossGenOptions options, TextWriter log)
{
    private const string UsedList = ".r2r";

    /// <summary>Compiles every assembly of a directory in place, subdirectories included, taking from the cache what it has.</summary>
    /// <param name="assemblyDirectory">Holds the IL assemblies; they are replaced.</param>
    /// <param name="references">Assemblies they refer to beside the framework and each other.</param>
    /// <param name="profiles">Directory with profiles, <c>NAME.mibc</c> for the assemblies that have one; null for none.</param>
    /// <param name="leftAsIL">Names of assemblies that are not compiled; null for none.</param>
    /// <returns>How many were compiled and how many came from the cache.</returns>
    public (int Compiled, int Reused) CompileAll(string assemblyDirectory, IReadOnlyCollection<string> references, string? profiles = null, IReadOnlySet<string>? leftAsIL = null)
    {
        Directory.CreateDirectory(directory);
        string[] assemblies = [.. Directory.EnumerateFiles(assemblyDirectory, "*.dll", SearchOption.AllDirectories).Where(a => leftAsIL?.Contains(Path.GetFileNameWithoutExtension(a)) != true).Order(StringComparer.Ordinal)];
        var keys = assemblies.ToDictionary(a => a, a => KeyOf(a, CrossGen.ProfileOf(a, profiles)));
        string[] missing = [.. assemblies.Where(a => !File.Exists(CachePath(keys[a])))];
        if (missing.Length > 0)
        {
            Compile(missing, [.. references, .. assemblies], profiles, keys);
        }

        foreach (string assembly in assemblies)
        {
            File.Copy(CachePath(keys[assembly]), assembly, overwrite: true);
        }

        File.WriteAllLines(Path.Combine(assemblyDirectory, UsedList), keys.Values);
        return (missing.Length, assemblies.Length - missing.Length);
    }

    /// <summary>Removes what none of these directories (filled by <see cref="CompileAll"/>) was made of.</summary>
    public void Prune(IEnumerable<string> keptDirectories)
    {
        var used = keptDirectories.Select(d => Path.Combine(d, UsedList)).Where(File.Exists).SelectMany(File.ReadLines).ToHashSet(StringComparer.Ordinal);
        foreach (string file in Directory.EnumerateFiles(directory, "*.dll").Where(f => !used.Contains(Path.GetFileNameWithoutExtension(f))))
        {
            File.Delete(file);
        }
    }

    private void Compile(string[] missing, string[] references, string? profiles, Dictionary<string, string> keys)
    {
        string temporary = Directory.CreateDirectory(Path.Combine(directory, $".partial-{Environment.ProcessId}")).FullName;
        try
        {
            new CrossGen(options, log).Compile(missing, references, profiles, temporary);
            foreach (string assembly in missing)
            {
                File.Move(Path.Combine(temporary, Path.GetFileName(assembly)), CachePath(keys[assembly]), overwrite: true);
            }
        }
        finally
        {
            Directory.Delete(temporary, recursive: true);
        }
    }

    private string KeyOf(string assembly, string? profile)
    {
        var key = new CacheKey().Add("options", options.Identity).AddFile("il", assembly);
        return (profile is null ? key : key.AddFile("profile", profile)).Value;
    }

    private string CachePath(string key) => Path.Combine(directory, key + ".dll");
}
