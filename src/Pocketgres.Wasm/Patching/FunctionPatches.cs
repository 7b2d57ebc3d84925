
namespace Pocketgres.Wasm.Patching;

/// <summary>
/// The patches of one function and how often each has matched in the current attempt at translating it (a function that turns
/// out too big is translated again in parts; parts share this object, in code order).
/// </summary>
internal sealed class FunctionPatches
{
    private readonly List<(CallReplacement Patch, HostFunction Host)> calls = [];
    private readonly Dictionary<ModulePatch, int> matches = new(ReferenceEqualityComparer.Instance);
    private (ModulePatch Patch, HostFunction Host)? replacement;
    private (ModulePatch Patch, HostFunction Host)? hook;
    private (StackDepthCheck Patch, HostFunction? Host)? depthCheck;

    /// <summary>The loop that must be resumable, or null.</summary>
    public ResumableLoop? Resumable { get; private set; }

    public HostFunction? Replacement => replacement?.Host;

    public void AddReplacement(FunctionReplacement patch, HostFunction host) => replacement = (patch, host);

    public void AddHook(EntryHook patch, HostFunction host) => hook = (patch, host);

    public void AddResumable(ResumableLoop patch) => Resumable = patch;

    /// <summary>The resumable loop was translated.</summary>
    public void TakeResumable() => Matched(Resumable!, (HostFunction?)null);

    public void AddDepthCheck(StackDepthCheck patch, HostFunction? host) => depthCheck = (patch, host);

    /// <summary>What to do when the thread's stack is too deep for the program, or null.</summary>
    public (StackDepthCheck Patch, HostFunction? Host)? TakeDepthCheck() => depthCheck is { } d ? Matched(d.Patch, d) : null;

    public void AddCall(CallReplacement patch, HostFunction host) => calls.Add((patch, host));

    public int Matches(ModulePatch patch) => matches.GetValueOrDefault(patch);

    /// <summary>Forgets the matches of an earlier attempt.</summary>
    public void Restart() => matches.Clear();

    /// <summary>The host function that stands for the whole function.</summary>
    public HostFunction? TakeReplacement()
    {
        return replacement is { } r ? Matched(r.Patch, r.Host) : null;
    }

    /// <summary>The host function to call on entry.</summary>
    public HostFunction? TakeHook()
    {
        return hook is { } h ? Matched(h.Patch, h.Host) : null;
    }

    /// <summary>The replacement of a call, or null.</summary>
    public HostFunction? TakeCall(int callee)
    {
        (CallReplacement Patch, HostFunction Host)? found = null;
        foreach (var call in calls)
        {
            if (call.Patch.Callee == callee)
            {
                found = call;
                if (Matches(call.Patch) < call.Patch.Count)
                {
                    break;
                }
            }
        }

        return found is { } f ? Matched(f.Patch, f.Host) : null;
    }

    /// <summary>Whether some calls of this function are replaced.</summary>
    public bool ReplacesCall(int callee) => calls.Exists(c => c.Patch.Callee == callee);

    private T Matched<T>(ModulePatch patch, T host)
    {
        matches[patch] = Matches(patch) + 1;
        return host;
    }
}
