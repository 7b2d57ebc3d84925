using Pocketgres.Wasm;

namespace Pocketgres.Build.Profiles;

/// <summary>
/// Chooses the calls that are worth inlining: of functions that are small enough, that the training run made often, and that the caller makes more or
/// less whenever it runs. Inlining a function wherever it is called makes twice as much code and is slower; one call in forty is called hot, and they are
/// two thirds of the calls made.
/// </summary>
internal static class HotCalls
{
    /// <summary>Calls made less often in the training run stay calls.</summary>
    public const long MinimumCount = 100;

    /// <summary>The call is made at least once when the caller runs so many times.</summary>
    public const int MaximumRunsPerCall = 4;

    /// <summary>Size of IL, bytes, beyond which a function is not inlined. Twice as much gained nothing.</summary>
    public const int MaximumILBytes = 500;

    /// <summary>Chooses.</summary>
    /// <param name="candidates">All calls of a module that can be inlined.</param>
    /// <param name="blocks">How often each basic block ran, by the method's name.</param>
    public static IReadOnlySet<CallSite> Choose(IEnumerable<InlineCandidate> candidates, IReadOnlyDictionary<string, MethodProfile> blocks)
    {
        var chosen = new HashSet<CallSite>();
        foreach (var calls in candidates.Where(c => c.CalleeILBytes <= MaximumILBytes).GroupBy(c => c.Site.Method))
        {
            if (!blocks.TryGetValue(calls.Key, out var profile))
            {
                continue;
            }

            var counters = profile.Counters.OrderBy(c => c.Offset).ToList();
            long runs = counters[0].Value;
            chosen.UnionWith(calls.Select(c => c.Site).Where(s => CountAt(counters, s.Offset) is >= MinimumCount and var count && count * MaximumRunsPerCall >= runs));
        }

        return chosen;
    }

    // That of the block it is in, which begins at or before it.
    private static long CountAt(List<ProfileCounter> counters, int offset) => counters.LastOrDefault(c => c.Offset <= offset).Value;
}
