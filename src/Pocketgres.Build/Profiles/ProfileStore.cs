using System.Diagnostics;
using Pocketgres.Build.Publishing;

namespace Pocketgres.Build.Profiles;

/// <summary>What the training run counted, by method: on the edges between basic blocks, for the compiler, and in them, for the choice of what is inlined.</summary>
internal sealed record TrainingProfile(IReadOnlyDictionary<string, MethodProfile> Edges, IReadOnlyDictionary<string, MethodProfile> Blocks);

/// <summary>
/// Profiles of the translated assemblies by the hash of their IL and of the training program: two runs never count the same, so a profile is kept as long
/// as what it was made of, and with it the native code that was compiled with it.
/// </summary>
internal sealed class ProfileStore(string directory, TextWriter log)
{
    private const string First = "first.txt", Edges = "edges.txt", Blocks = "blocks.txt";

    private readonly ArtifactStore _store = new(directory);

    /// <summary>
    /// The profile of a directory's assemblies, translated again with a first one. .NET counts either edges or blocks, so the training program runs three times in all.
    /// </summary>
    /// <param name="engineDirectory">Everything the training program needs, assemblies without native code, with nothing inlined.</param>
    /// <param name="program">The training program's dll.</param>
    /// <param name="programKey">Changes when the program does something else.</param>
    /// <param name="translateAgain">Translates into the directory again, given how often each basic block ran.</param>
    /// <exception cref="BuildException">The training failed.</exception>
    public TrainingProfile GetOrMake(string engineDirectory, string program, string programKey, Action<IReadOnlyDictionary<string, MethodProfile>> translateAgain)
    {
        var key = new CacheKey().Add("program", programKey).Add("runtime", Environment.Version.ToString()).Add("counts", "blocks, edges, blocks");
        foreach (string assembly in Directory.EnumerateFiles(engineDirectory, "*.dll").Order(StringComparer.Ordinal))
        {
            key.AddFile(Path.GetFileName(assembly), assembly);
        }

        bool isMade = false;
        string result = _store.GetOrAdd(key.Value, partial =>
        {
            isMade = true;
            var clock = Stopwatch.StartNew();
            TrainingRun.Run(program, engineDirectory, TrainingCounts.Blocks, Path.Combine(partial, First));
            translateAgain(Read(partial, First));
            TrainingRun.Run(program, engineDirectory, TrainingCounts.Edges, Path.Combine(partial, Edges));
            TrainingRun.Run(program, engineDirectory, TrainingCounts.Blocks, Path.Combine(partial, Blocks));
            log.WriteLine($"training: {clock.ElapsedMilliseconds:N0} ms");
        });
        _store.Prune();
        if (!isMade)
        {
            translateAgain(Read(result, First));
        }

        return new TrainingProfile(Read(result, Edges), Read(result, Blocks));
    }

    private static Dictionary<string, MethodProfile> Read(string directory, string file)
    {
        var profiles = new Dictionary<string, MethodProfile>(StringComparer.Ordinal);
        foreach (var profile in ProfileText.Parse(File.ReadLines(Path.Combine(directory, file))))
        {
            profiles[profile.Name] = profile;
        }

        return profiles;
    }
}
