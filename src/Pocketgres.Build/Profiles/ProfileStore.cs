using System.Diagnostics;
using Pocketgres.Build.Publishing;

namespace Pocketgres.Build.Profiles;

/// <summary>
/// Profiles of the translated assemblies by the hash of their IL and of the training program: two runs never count the same, so a profile is kept as long
/// as what it was made of, and with it the native code that was compiled with it.
/// </summary>
internal sealed class ProfileStore(string directory, TextWriter log)
{
    private readonly ArtifactStore _store = new(directory);

    /// <summary>The profiles of a directory's assemblies: <c>NAME.mibc</c> for each of which any code ran.</summary>
    /// <param name="engineDirectory">Everything the training program needs, assemblies without native code.</param>
    /// <param name="program">The training program's dll.</param>
    /// <param name="programKey">Changes when the program does something else.</param>
    /// <exception cref="BuildException">The training failed.</exception>
    public string GetOrMake(string engineDirectory, string program, string programKey)
    {
        string[] assemblies = [.. Directory.EnumerateFiles(engineDirectory, "*.dll").Order(StringComparer.Ordinal)];
        var key = new CacheKey().Add("program", programKey).Add("runtime", Environment.Version.ToString());
        foreach (string assembly in assemblies)
        {
            key.AddFile(Path.GetFileName(assembly), assembly);
        }

        string result = _store.GetOrAdd(key.Value, partial =>
        {
            var clock = Stopwatch.StartNew();
            var profiles = new Dictionary<string, MethodProfile>(StringComparer.Ordinal);
            foreach (var profile in TrainingRun.Run(program, engineDirectory))
            {
                profiles[profile.Name] = profile;
            }

            int methods = assemblies.Sum(a => ProfileAssembly.Write(a, profiles, Path.Combine(partial, Path.GetFileNameWithoutExtension(a) + ".mibc")));
            log.WriteLine($"profile: {methods:N0} methods, {clock.ElapsedMilliseconds:N0} ms");
        });
        _store.Prune();
        return result;
    }
}
