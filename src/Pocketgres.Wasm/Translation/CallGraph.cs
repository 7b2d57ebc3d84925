using Pocketgres.Wasm.Patching;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Translation;

/// <summary>
/// The calls of one module's functions, without those before which a function always checks the stack's depth. Functions are numbered without imports; behind them come
/// nodes that stand for all functions of one type in the table.
/// </summary>
internal sealed class CallGraph
{
    private readonly WasmModule module;
    private readonly ImportBinder imports;
    private readonly RecursionFacts facts;
    private readonly IReadOnlySet<int> checks;
    private readonly IReadOnlySet<int> dispatchingImports;
    private readonly List<HashSet<int>> callees = [];
    private readonly bool[] callsAnything;
    private readonly HashSet<string>[] indirect;
    private readonly Dictionary<string, int> typeNodes = [];

    /// <param name="module">The module.</param>
    /// <param name="imports">How its imports are bound.</param>
    /// <param name="patches">Functions that are replaced call nothing.</param>
    /// <param name="checks">Functions, imports among them, that check the stack's depth.</param>
    /// <param name="dispatchingImports">Imports that may call through the table without a check before.</param>
    /// <param name="facts">What is known of the module's calls.</param>
    /// <param name="typed">Functions whose indirect calls reach functions of the call's type only.</param>
    public CallGraph(WasmModule module, ImportBinder imports, PatchPlan patches, IReadOnlySet<int> checks, IReadOnlySet<int> dispatchingImports, RecursionFacts facts, IReadOnlySet<int> typed)
    {
        this.module = module;
        this.imports = imports;
        this.facts = facts;
        this.checks = checks;
        this.dispatchingImports = dispatchingImports;
        Count = module.DefinedFunctionCount;
        callsAnything = new bool[Count];
        indirect = new HashSet<string>[Count];
        callees.AddRange(Enumerable.Range(0, Count).Select(_ => new HashSet<int>()));
        for (int i = 0; i < Count; i++)
        {
            int function = i + module.ImportedFunctionCount;
            indirect[i] = [];
            if (patches.For(function)?.Replacement is null)
            {
                Scan(i);
            }

            if (callsAnything[i] && facts.Dispatchers.TryGetValue(function, out var known))
            {
                callsAnything[i] = false;
                callees[i].UnionWith(known.Where(module.IsDefinedFunction).Select(f => f - module.ImportedFunctionCount));
            }
            else if (callsAnything[i] && typed.Contains(function) && indirect[i].All(t => t.Length > 0))
            {
                callsAnything[i] = false;
                Typed.Add(i);
                foreach (string type in indirect[i])
                {
                    callees[i].Add(TypeNode(type));
                }
            }
        }

        foreach (var (callee, callers) in facts.Callees)
        {
            foreach (int caller in callers)
            {
                callees[caller - module.ImportedFunctionCount].Add(callee - module.ImportedFunctionCount);
            }
        }
    }

    /// <summary>Number of functions.</summary>
    public int Count { get; }

    /// <summary>Number of nodes: functions, and types of functions in the table.</summary>
    public int Nodes => callees.Count;

    /// <summary>Functions that call through the table, and of which it is taken for granted that what they call has the call's type.</summary>
    public HashSet<int> Typed { get; } = [];

    /// <summary>Nodes that a node may call without a check before.</summary>
    public IReadOnlySet<int> Callees(int node) => callees[node];

    /// <summary>The function may call through the table without a check before.</summary>
    public bool CallsAnything(int function) => callsAnything[function];

    // Control flow is structured, and a check stays a check: one pass in code order knows at each point whether all ways to it went through one.
    private void Scan(int index)
    {
        var body = module.Bodies[index];
        var reader = new WasmReader(module.Bytes, body.Start, body.End);
        FunctionLocals.Read(reader, module.TypeOf(index + module.ImportedFunctionCount));
        var blocks = new List<Block>();
        var here = new Point(Reached: true, Checked: false);
        while (reader.Position < reader.End)
        {
            var op = reader.Opcode();
            int immediates = reader.Position;
            switch (op)
            {
                case WasmOpcode.Block or WasmOpcode.Loop or WasmOpcode.If:
                    blocks.Add(new Block(op, here));
                    break;
                case WasmOpcode.Else when blocks.Count > 0:
                    blocks[^1].Leave(here);
                    here = blocks[^1].Entry;
                    blocks[^1].HasElse = true;
                    break;
                case WasmOpcode.End when blocks.Count > 0:
                    here = blocks[^1].End(here);
                    blocks.RemoveAt(blocks.Count - 1);
                    break;
                case WasmOpcode.Br or WasmOpcode.BrIf:
                    Branch(blocks, reader.Index(), here);
                    here = op == WasmOpcode.Br ? Point.Unreached : here;
                    break;
                case WasmOpcode.BrTable:
                    for (int n = reader.Count(); n >= 0; n--)
                    {
                        Branch(blocks, reader.Index(), here);
                    }

                    here = Point.Unreached;
                    break;
                case WasmOpcode.Return or WasmOpcode.Unreachable:
                    here = Point.Unreached;
                    break;
                case WasmOpcode.Call when here is { Reached: true, Checked: false }:
                    here = here with { Checked = Call(index, reader.Index()) };
                    break;
                case WasmOpcode.CallIndirect when here is { Reached: true, Checked: false }:
                    callsAnything[index] = true;
                    int type = reader.Index(); // of a malformed module anything; who translates it says so
                    indirect[index].Add(type < module.Types.Count ? module.Types[type].Signature : "");
                    break;
            }

            reader.Position = immediates;
            reader.SkipImmediates(op);
        }
    }

    private bool Call(int caller, int callee)
    {
        if (checks.Contains(callee))
        {
            return true;
        }

        callee = imports.OwnFunctions.GetValueOrDefault(callee, callee);
        if (module.IsDefinedFunction(callee))
        {
            callees[caller].Add(callee - module.ImportedFunctionCount);
        }
        else if (dispatchingImports.Contains(callee) || (callee < module.ImportedFunctionCount && ImportBinder.IsInvoke(module.FunctionImports[callee].Name)))
        {
            callsAnything[caller] = true;
            indirect[caller].Add("");
        }

        return false;
    }

    // What may be in the table: what is put there, and what other modules may put there because it is exported; not what only certain functions call.
    private int TypeNode(string type)
    {
        if (!typeNodes.TryGetValue(type, out int node))
        {
            typeNodes[type] = node = callees.Count;
            callees.Add([.. module.Elements.SelectMany(e => e.Functions).Concat(module.Exports.Where(e => e.Kind == ExternalKind.Function).Select(e => e.Index))
                .Where(f => module.IsDefinedFunction(f) && module.FunctionSignature(f) == type && !facts.Callees.ContainsKey(f)).Select(f => f - module.ImportedFunctionCount)]);
        }

        return node;
    }

    private static void Branch(List<Block> blocks, int depth, Point from)
    {
        if (depth < blocks.Count)
        {
            blocks[^(depth + 1)].Leave(from);
        }
    }

    /// <summary>What is known at a point of the code.</summary>
    private readonly record struct Point(bool Reached, bool Checked)
    {
        public static Point Unreached => new(false, true);

        public Point Join(Point other) => new(Reached || other.Reached, Checked && other.Checked);
    }

    private sealed class Block(WasmOpcode kind, Point entry)
    {
        private Point exit = Point.Unreached;

        public Point Entry => entry;

        public bool HasElse { get; set; }

        /// <summary>A branch to the block's label; for a loop that is its head, of which the entry says everything.</summary>
        public void Leave(Point from)
        {
            if (kind != WasmOpcode.Loop && from.Reached)
            {
                exit = exit.Join(from);
            }
        }

        /// <summary>What is known behind the block.</summary>
        public Point End(Point inside)
        {
            var end = inside.Reached ? exit.Join(inside) : exit;
            return kind == WasmOpcode.If && !HasElse && entry.Reached ? end.Join(entry) : end;
        }
    }
}
