using Pocketgres.Wasm.Patching;

namespace Pocketgres.Wasm.Translation;

/// <summary>
/// Which functions compare the stack pointer with the limit of the thread (<see cref="RecursionFacts"/>): all that call through the table without a check before, because
/// a cycle over several modules or over data must lead through one of them; and enough of the others that no cycle of direct calls is left.
/// </summary>
/// <remarks>
/// A comparison in each of them costs 3 % of a sort. So functions that are called often (<see cref="TranslationOptions.Calls"/>) are spared where that is possible: what
/// they call through the table counts as direct calls of all that has the type and may be in the table, the comparison comes to functions on the way back that are called
/// less often, and functions of side modules that call them count as calling through the table.
/// </remarks>
internal sealed class RecursionPlan
{
    /// <summary>Functions that are called less often are not worth the trouble: of 160 million calls.</summary>
    private const long Hot = 1000;

    private readonly CallGraph graph;
    private readonly bool[] bounded;
    private readonly HashSet<int> dispatched;
    private readonly HashSet<int> spared = [];
    private readonly int firstFunction;

    /// <param name="module">The module.</param>
    /// <param name="imports">How its imports are bound.</param>
    /// <param name="patches">Its patches.</param>
    /// <param name="main">The main program of a side module.</param>
    /// <param name="facts">Of the main program.</param>
    /// <param name="calls">How often each function is called; those of a side module are not asked for.</param>
    public RecursionPlan(WasmModule module, ImportBinder imports, PatchPlan patches, ModuleLinkage? main, RecursionFacts facts, IReadOnlyList<long> calls)
    {
        firstFunction = module.ImportedFunctionCount;
        int[] hot = [.. Enumerable.Range(0, calls.Count).Where(f => calls[f] >= Hot).OrderByDescending(f => calls[f])];
        dispatched = module.IsSideModule ? [] : [.. facts.Dispatchers.SelectMany(d => d.Value.Append(d.Key)).Select(f => f - firstFunction)];
        graph = module.IsSideModule
            ? new CallGraph(module, imports, patches, ImportBinder.Imported(module, main!, facts.Checks), ImportBinder.Imported(module, main!, main!.Dispatching), RecursionFacts.None, new HashSet<int>())
            : new CallGraph(module, imports, patches, facts.Checks, new HashSet<int>(), facts, hot.Select(f => f + firstFunction).ToHashSet());
        bounded = new bool[graph.Nodes];
        for (int i = 0; i < graph.Count; i++)
        {
            bounded[i] = graph.CallsAnything(i) || (!module.IsSideModule && facts.Roots.Contains(i + firstFunction));
        }

        ThroughTable = bounded.Count(b => b);
        Spare(hot.Where(f => !bounded[f]));
        foreach (var cycles in Components(Enumerable.Range(0, graph.Nodes).Where(f => !bounded[f])))
        {
            Cut(cycles);
        }

        InCycles = [.. Enumerable.Range(0, graph.Count).Where(f => bounded[f] && !graph.CallsAnything(f)).Select(f => f + firstFunction)];
    }

    /// <summary>The functions that reach a call through the table without comparing the stack pointer on the way.</summary>
    public IReadOnlySet<int> Dispatching
    {
        get
        {
            var callers = new Dictionary<int, List<int>>();
            foreach (int caller in Enumerable.Range(0, graph.Count).Where(f => !bounded[f]))
            {
                foreach (int callee in graph.Callees(caller))
                {
                    (callers.TryGetValue(callee, out var list) ? list : callers[callee] = []).Add(caller);
                }
            }

            var found = new HashSet<int>(graph.Typed.Where(f => !bounded[f]));
            var open = new Queue<int>(found);
            while (open.TryDequeue(out int function))
            {
                foreach (int caller in callers.GetValueOrDefault(function) ?? [])
                {
                    if (found.Add(caller))
                    {
                        open.Enqueue(caller);
                    }
                }
            }

            return found.Select(f => f + firstFunction).ToHashSet();
        }
    }

    /// <summary>Number of bounded functions that call through the table.</summary>
    public int ThroughTable { get; }

    /// <summary>The other bounded functions.</summary>
    public IReadOnlyList<int> InCycles { get; }

    /// <summary>The function compares the stack pointer with the limit at its entry.</summary>
    public bool IsBounded(int function) => bounded[function - firstFunction];

    // One after the other, the hottest first, unless it closes a cycle of functions that are spared already.
    private void Spare(IEnumerable<int> hot)
    {
        var seen = new HashSet<int>();
        var open = new Stack<int>();
        foreach (int function in hot)
        {
            seen.Clear();
            open.Clear();
            open.Push(function);
            while (!bounded[function] && open.TryPop(out int node))
            {
                foreach (int callee in graph.Callees(node))
                {
                    if (callee == function)
                    {
                        bounded[function] = true;
                        break;
                    }

                    if ((callee >= graph.Count || spared.Contains(callee)) && seen.Add(callee))
                    {
                        open.Push(callee);
                    }
                }
            }

            if (!bounded[function])
            {
                spared.Add(function);
            }
        }
    }

    // Bounds functions of a set in which each can reach each, until nothing can reach itself.
    private void Cut(IReadOnlyList<int> component)
    {
        var own = component.Where(f => graph.Callees(f).Contains(f)).ToList();
        if (own.Count == 0)
        {
            own.Add(MostConnected(component));
        }

        own.ForEach(f => bounded[f] = true);
        foreach (var rest in Components(component.Where(f => !bounded[f])))
        {
            Cut(rest);
        }
    }

    private int MostConnected(IReadOnlyList<int> component)
    {
        var members = component.ToHashSet();
        var callers = members.ToDictionary(f => f, _ => 0);
        foreach (int callee in component.SelectMany(graph.Callees).Where(members.Contains))
        {
            callers[callee]++;
        }

        // A node for a type is no function. There is one that is not spared: those that are have no cycle.
        return component.Where(f => f < graph.Count && !spared.Contains(f)).Order()
            .MaxBy(f => (!dispatched.Contains(f), (long)callers[f] * graph.Callees(f).Count(members.Contains)));
    }

    /// <summary>The strongly connected components that have a cycle (Tarjan's algorithm, with a stack of its own).</summary>
    private List<List<int>> Components(IEnumerable<int> functions)
    {
        var members = functions.ToHashSet();
        var order = new Dictionary<int, int>();
        var lowest = new Dictionary<int, int>();
        var open = new Stack<int>();
        var isOpen = new HashSet<int>();
        var found = new List<List<int>>();
        var path = new Stack<(int Function, IEnumerator<int> Callees)>();
        void Enter(int function)
        {
            order[function] = lowest[function] = order.Count;
            open.Push(function);
            isOpen.Add(function);
            path.Push((function, graph.Callees(function).Where(members.Contains).GetEnumerator()));
        }

        foreach (int root in members.Order().Where(f => !order.ContainsKey(f)))
        {
            Enter(root);
            while (path.TryPeek(out var top))
            {
                if (top.Callees.MoveNext())
                {
                    int callee = top.Callees.Current;
                    if (!order.TryGetValue(callee, out int at))
                    {
                        Enter(callee);
                    }
                    else if (isOpen.Contains(callee))
                    {
                        lowest[top.Function] = Math.Min(lowest[top.Function], at);
                    }

                    continue;
                }

                path.Pop();
                if (path.TryPeek(out var caller))
                {
                    lowest[caller.Function] = Math.Min(lowest[caller.Function], lowest[top.Function]);
                }

                if (lowest[top.Function] == order[top.Function])
                {
                    var component = new List<int>();
                    do
                    {
                        component.Add(open.Pop());
                        isOpen.Remove(component[^1]);
                    }
                    while (component[^1] != top.Function);
                    if (component.Count > 1 || graph.Callees(top.Function).Contains(top.Function))
                    {
                        found.Add(component);
                    }
                }
            }
        }

        return found;
    }
}
