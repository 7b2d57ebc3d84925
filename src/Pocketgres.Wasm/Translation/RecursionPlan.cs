using Pocketgres.Wasm.Patching;

namespace Pocketgres.Wasm.Translation;

/// <summary>
/// Which functions compare the stack pointer with the limit of the thread (<see cref="RecursionFacts"/>): all that call through the table without a check before, because
/// a cycle over several modules or over data must lead through one of them; and enough of the others that no cycle of direct calls is left.
/// </summary>
internal sealed class RecursionPlan
{
    private readonly CallGraph graph;
    private readonly bool[] bounded;
    private readonly HashSet<int> hot;
    private readonly int firstFunction;

    /// <param name="module">The module.</param>
    /// <param name="imports">How its imports are bound.</param>
    /// <param name="patches">Its patches.</param>
    /// <param name="main">The main program of a side module.</param>
    /// <param name="facts">Of the main program.</param>
    public RecursionPlan(WasmModule module, ImportBinder imports, PatchPlan patches, ModuleLinkage? main, RecursionFacts facts)
    {
        firstFunction = module.ImportedFunctionCount;
        hot = module.IsSideModule ? [] : [.. facts.Dispatchers.SelectMany(d => d.Value.Append(d.Key)).Select(f => f - firstFunction)];
        graph = module.IsSideModule
            ? new CallGraph(module, imports, patches, Imported(module, main!, facts), RecursionFacts.None.Dispatchers)
            : new CallGraph(module, imports, patches, facts.Checks, facts.Dispatchers);
        bounded = [.. Enumerable.Range(0, graph.Count).Select(graph.CallsAnything)];
        ThroughTable = bounded.Count(b => b);
        foreach (var cycles in Components(Enumerable.Range(0, graph.Count).Where(f => !bounded[f])))
        {
            Cut(cycles);
        }

        InCycles = [.. Enumerable.Range(0, graph.Count).Where(f => bounded[f] && !graph.CallsAnything(f)).Select(f => f + firstFunction)];
    }

    /// <summary>Number of bounded functions that call through the table.</summary>
    public int ThroughTable { get; }

    /// <summary>The other bounded functions.</summary>
    public IReadOnlyList<int> InCycles { get; }

    /// <summary>The function compares the stack pointer with the limit at its entry.</summary>
    public bool IsBounded(int function) => bounded[function - firstFunction];

    private static HashSet<int> Imported(WasmModule module, ModuleLinkage main, RecursionFacts facts) =>
        [.. Enumerable.Range(0, module.ImportedFunctionCount).Where(i => main.Exports.TryGetValue(module.FunctionImports[i].Name, out int f) && facts.Checks.Contains(f))];

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
        var callers = component.ToDictionary(f => f, _ => 0);
        foreach (int callee in component.SelectMany(graph.Callees).Where(members.Contains))
        {
            callers[callee]++;
        }

        return component.Order().MaxBy(f => (!hot.Contains(f), (long)callers[f] * graph.Callees(f).Count(members.Contains)));
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
