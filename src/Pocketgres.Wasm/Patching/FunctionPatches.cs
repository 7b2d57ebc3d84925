using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Patching;

/// <summary>
/// The patches of one function and how often each has matched in the current attempt at translating it (a function that turns
/// out too big is translated again in parts; parts share this object, in code order).
/// </summary>
internal sealed class FunctionPatches
{
    private readonly List<(CallReplacement Patch, HostFunction Host)> calls = [];
    private readonly List<(ConstantReplacement Patch, HostFunction? Host)> constants = [];
    private readonly List<(DroppedLoadReplacement Patch, Dictionary<char, HostFunction?> Hosts)> droppedLoads = [];
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

    /// <summary>The loop whose turns the host may take, or null.</summary>
    public (LoopAcceleration Patch, HostFunction Host)? Accelerated { get; private set; }

    public void AddAcceleration(LoopAcceleration patch, HostFunction host) => Accelerated = (patch, host);

    /// <summary>The accelerated loop was translated.</summary>
    public void TakeAcceleration() => Matched(Accelerated!.Value.Patch, (HostFunction?)null);

    public void AddDepthCheck(StackDepthCheck patch, HostFunction? host) => depthCheck = (patch, host);

    /// <summary>What to do when the thread's stack is too deep for the program, or null.</summary>
    public (StackDepthCheck Patch, HostFunction? Host)? TakeDepthCheck() => depthCheck is { } d ? Matched(d.Patch, d) : null;

    public void AddCall(CallReplacement patch, HostFunction host) => calls.Add((patch, host));

    public void AddConstant(ConstantReplacement patch, HostFunction? host) => constants.Add((patch, host));

    public void AddDroppedLoad(DroppedLoadReplacement patch, Dictionary<char, HostFunction?> hosts) => droppedLoads.Add((patch, hosts));

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

    /// <summary>The replacement of a call, or null. <paramref name="firstArgument"/> is null if it is not an i32 constant.</summary>
    public (CallReplacement Patch, HostFunction Host)? TakeCall(int callee, int? firstArgument)
    {
        (CallReplacement Patch, HostFunction Host)? found = null;
        foreach (var call in calls)
        {
            if (call.Patch.Callee == callee && (call.Patch.FirstArgument is not { } wanted || wanted == firstArgument))
            {
                found = call;
                if (Matches(call.Patch) < call.Patch.Count)
                {
                    break;
                }
            }
        }

        return found is { } f ? Matched(f.Patch, found) : null;
    }

    /// <summary>Locals that a replaced call of this function reads instead of its arguments.</summary>
    public IEnumerable<int> LocalsReadByCall(int callee) => calls.Where(c => c.Patch.Callee == callee).SelectMany(c => c.Patch.FromLocals ?? []);

    /// <summary>The replacement of a constant; the reader stands at the instruction after it, and stays there.</summary>
    public (ConstantReplacement Patch, HostFunction? Host)? TakeConstant(int value, WasmReader reader)
    {
        foreach (var constant in constants)
        {
            if (constant.Patch.Value == value && FollowsRule(constant.Patch, reader))
            {
                Matched(constant.Patch, constant.Host);
                return constant;
            }
        }

        return null;
    }

    /// <summary>The host function for the next dropped load with this offset, or null.</summary>
    public HostFunction? TakeDroppedLoad(long offset)
    {
        foreach (var (patch, hosts) in droppedLoads)
        {
            if (patch.Offset == offset)
            {
                int index = Matches(patch);
                Matched(patch, (HostFunction?)null);
                return index < patch.Pattern.Length ? hosts[patch.Pattern[index]] : null;
            }
        }

        return null;
    }

    private static bool FollowsRule(ConstantReplacement patch, WasmReader reader)
    {
        int start = reader.Position;
        var next = reader.Opcode();
        int callee = next == WasmOpcode.Call ? reader.Index() : -1;
        reader.Position = start;
        return (patch.OnlyBefore is null || patch.OnlyBefore.Contains(next)) && !patch.NotBefore.Contains(next) && !patch.NotBeforeCallOf.Contains(callee);
    }

    private T Matched<T>(ModulePatch patch, T host)
    {
        matches[patch] = Matches(patch) + 1;
        return host;
    }
}
