namespace Pocketgres.Wasm.Patching;

/// <summary>The patches of one translation, checked against the module and sorted by function.</summary>
internal sealed class PatchPlan
{
    private readonly Dictionary<int, FunctionPatches> byFunction = [];
    private readonly List<string> mismatches = [];
    private readonly SortedDictionary<string, HostFunction> locked = new(StringComparer.Ordinal);
    private readonly ModulePatches patches;
    private readonly WasmModule module;
    private readonly HostFunctions hosts;

    /// <exception cref="PatchException">A function or host function is not as a patch expects; the message lists all of it.</exception>
    public PatchPlan(WasmModule module, ModulePatches? patches, HostFunctions hosts)
    {
        this.module = module;
        this.hosts = hosts;
        this.patches = patches ?? [];
        foreach (var patch in this.patches)
        {
            Add(patch);
        }

        if (mismatches.Count > 0)
        {
            throw new PatchException(mismatches);
        }
    }

    /// <summary>The host functions that patches call and around which the kernel's lock is taken, in order of their names.</summary>
    public IEnumerable<HostFunction> Locked => locked.Values;

    /// <summary>The patches of a function, or null if it is translated as it is.</summary>
    public FunctionPatches? For(int function) => byFunction.GetValueOrDefault(function);

    /// <summary>Compares match counts after every function was translated.</summary>
    /// <exception cref="PatchException">A count differs; the message lists all that do.</exception>
    public IReadOnlyList<PatchReport> Verify()
    {
        var report = new List<PatchReport>();
        foreach (var patch in patches)
        {
            int found = byFunction[patch.Function].Matches(patch);
            report.Add(new PatchReport(patch.Name, found));
            if (found != patch.ExpectedMatches)
            {
                mismatches.Add($"{patch.Name}: expected {patch.ExpectedMatches} matches in function {patch.Function}, found {found}");
            }
        }

        return mismatches.Count == 0 ? report : throw new PatchException(mismatches);
    }

    private void Add(ModulePatch patch)
    {
        if (!module.IsDefinedFunction(patch.Function))
        {
            mismatches.Add($"{patch.Name}: the module defines no function {patch.Function}");
            return;
        }

        if (!byFunction.TryGetValue(patch.Function, out var list))
        {
            byFunction[patch.Function] = list = new FunctionPatches();
        }

        switch (patch)
        {
            case FunctionReplacement p when Host(p, p.HostFunction, module.FunctionSignature(p.Function)) is { } host:
                list.AddReplacement(p, host);
                break;
            case EntryHook p when Host(p, p.HostFunction, p.PassArguments ? "v" + module.FunctionSignature(p.Function)[1..] : "v") is { } host:
                list.AddHook(p, host);
                break;
            case ResumableLoop p when list.Resumable is null:
                list.AddResumable(p);
                break;
            case ResumableLoop p:
                Fail(p, "only one loop of a function can be resumable");
                break;
            case StackDepthCheck p:
                AddDepthCheck(list, p);
                break;
            case CallReplacement p:
                AddCall(list, p);
                break;
        }
    }

    private void AddCall(FunctionPatches list, CallReplacement p)
    {
        if (p.Callee >= module.FunctionCount)
        {
            Fail(p, $"function {p.Callee} (the callee) does not exist");
            return;
        }

        if (Host(p, p.HostFunction, module.FunctionSignature(p.Callee)) is { } host)
        {
            list.AddCall(p, host);
        }
    }

    private void AddDepthCheck(FunctionPatches list, StackDepthCheck p)
    {
        if (p.HostFunction is null == p.Result is null)
        {
            Fail(p, "exactly one of HostFunction and Result must be set");
        }
        else if (p.HostFunction is null && !module.FunctionSignature(p.Function).StartsWith('i'))
        {
            Fail(p, $"function {p.Function} does not return an i32");
        }
        else if (p.HostFunction is null)
        {
            list.AddDepthCheck(p, null);
        }
        else if (Host(p, p.HostFunction, "v") is { } host)
        {
            list.AddDepthCheck(p, host);
        }
    }

    private HostFunction? Host(ModulePatch patch, string name, string signature)
    {
        if (!(module.IsMemory64 ? hosts.TryGetMemory64(name, out var host) : hosts.TryGet(name, out host)))
        {
            return Fail(patch, $"host function \"{name}\" does not exist");
        }

        if (host.IsLocked)
        {
            locked[host.Name] = host;
        }

        return host.Signature == signature
            ? host
            : Fail(patch, $"expected host function \"{name}\" to have the signature {signature}, found {host.Signature} ({host.FullName})");
    }

    private HostFunction? Fail(ModulePatch patch, string problem)
    {
        mismatches.Add($"{patch.Name}: {problem}");
        return null;
    }
}
