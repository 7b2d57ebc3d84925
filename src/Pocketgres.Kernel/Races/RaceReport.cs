using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Pocketgres.Kernel.Races;

/// <summary>
/// The races of a run, once for each pair of functions: written to a file when the .NET process ends, a line each: how often, the two functions (as numbers) with what they did, and of the
/// first time where in the shared memory, how many bytes, and the calls that led to the later access.
/// </summary>
internal sealed partial class RaceReport
{
    private const int Frames = 12;
    private readonly ConcurrentDictionary<((int Site, bool IsStore) Earlier, (int Site, bool IsStore) Later), Race> _races = [];

    /// <summary>The pairs.</summary>
    public IEnumerable<((int Site, bool IsStore) Earlier, (int Site, bool IsStore) Later)> Pairs => _races.Keys;

    /// <summary>Writes the file.</summary>
    public void Save(string path) => File.WriteAllLines(path, _races.Select(r => string.Create(
        CultureInfo.InvariantCulture, $"{r.Value.Count}\t{Side(r.Key.Earlier)}\t{Side(r.Key.Later)}\t{r.Value.Place:x}\t{r.Value.Size}\t{r.Value.Calls}")));

    /// <summary>Counts a race.</summary>
    public void Add((int Site, bool IsStore) earlier, (int Site, bool IsStore) later, long place, int size)
    {
        if (!_races.TryGetValue((earlier, later), out var race))
        {
            race = _races.GetOrAdd((earlier, later), new Race(place, size, string.Join(' ', new StackTrace(2).GetFrames()
                .Select(f => f.GetMethod()?.Name ?? "").Where(n => Translated().IsMatch(n)).Select(n => Translated().Replace(n, "")).Take(Frames))));
        }

        Interlocked.Increment(ref race.Count);
    }

    private static string Side((int Site, bool IsStore) side) => string.Create(CultureInfo.InvariantCulture, $"{side.Site:x8}\t{(side.IsStore ? "store" : "load")}");

    [GeneratedRegex("^f[0-9]+_")]
    private static partial Regex Translated();

    private sealed class Race(long place, int size, string calls)
    {
        public long Count;

        public long Place { get; } = place;

        public int Size { get; } = size;

        public string Calls { get; } = calls;
    }
}
