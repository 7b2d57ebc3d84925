using Pocketgres.Wasm.Patching;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Translation;

/// <summary>
/// Which loops look for interrupts at their heads: all that contain another loop, or a call of what may loop. Between two looks there is then straight code and one run of an
/// innermost loop, which ends with the data it goes over; its iterations are what a look would be felt in.
/// </summary>
internal sealed class LoopPlan
{
    private readonly WasmModule module;
    private readonly ImportBinder imports;
    private readonly IReadOnlySet<int> answers;
    private readonly bool[] straight;

    /// <param name="module">The module.</param>
    /// <param name="imports">How its imports are bound.</param>
    /// <param name="answers">Functions, imports among them, by which the program looks itself: a loop that calls one need not.</param>
    public LoopPlan(WasmModule module, ImportBinder imports, IReadOnlySet<int> answers)
    {
        this.module = module;
        this.imports = imports;
        this.answers = answers;
        straight = FindStraight();
    }

    /// <summary>The loops of a function that look, by the positions behind their opcodes.</summary>
    public IReadOnlySet<int> LoopsIn(int function)
    {
        var found = new HashSet<int>();
        var open = new List<Loop?>(); // blocks around the position
        Scan(function, (op, position, callee) =>
        {
            switch (op)
            {
                case WasmOpcode.Loop:
                    open.FindLast(l => l is not null)?.Long = true;
                    open.Add(new Loop(position));
                    break;
                case WasmOpcode.Block or WasmOpcode.If:
                    open.Add(null);
                    break;
                case WasmOpcode.Call when answers.Contains(callee):
                    open.FindLast(l => l is not null)?.Answers = true;
                    break;
                case WasmOpcode.CallIndirect:
                case WasmOpcode.Call when !IsStraight(callee):
                    open.FindLast(l => l is not null)?.Long = true;
                    break;
                case WasmOpcode.End when open.Count > 0:
                    if (open[^1] is { Long: true, Answers: false } loop)
                    {
                        found.Add(loop.Position);
                    }

                    open.RemoveAt(open.Count - 1);
                    break;
            }

            return true;
        });
        return found;
    }

    private bool IsStraight(int callee)
    {
        callee = imports.OwnFunctions.GetValueOrDefault(callee, callee);
        return module.IsDefinedFunction(callee) && straight[callee - module.ImportedFunctionCount];
    }

    // Without loops, and calling only such functions; in a cycle of calls there is none.
    private bool[] FindStraight()
    {
        var callers = new List<int>[module.DefinedFunctionCount];
        int[] open = new int[module.DefinedFunctionCount]; // calls of functions that are not known to be straight
        for (int i = 0; i < callers.Length; i++)
        {
            callers[i] = [];
        }

        for (int i = 0; i < open.Length; i++)
        {
            bool none = true;
            var callees = new HashSet<int>();
            Scan(i + module.ImportedFunctionCount, (op, _, callee) =>
            {
                callee = imports.OwnFunctions.GetValueOrDefault(callee, callee);
                none = op is not (WasmOpcode.Loop or WasmOpcode.CallIndirect) && (op != WasmOpcode.Call || module.IsDefinedFunction(callee));
                if (none && op == WasmOpcode.Call)
                {
                    callees.Add(callee - module.ImportedFunctionCount);
                }

                return none;
            });
            open[i] = none ? callees.Count : -1;
            foreach (int callee in callees)
            {
                callers[callee].Add(i);
            }
        }

        bool[] found = new bool[open.Length];
        var known = new Queue<int>(Enumerable.Range(0, open.Length).Where(i => open[i] == 0));
        while (known.TryDequeue(out int function))
        {
            found[function] = true;
            foreach (int caller in callers[function])
            {
                if (--open[caller] == 0)
                {
                    known.Enqueue(caller);
                }
            }
        }

        return found;
    }

    // Shows each opcode, the position behind it and what it calls, until told to stop.
    private void Scan(int function, Func<WasmOpcode, int, int, bool> see)
    {
        var body = module.Bodies[function - module.ImportedFunctionCount];
        var reader = new WasmReader(module.Bytes, body.Start, body.End);
        FunctionLocals.Read(reader, module.TypeOf(function));
        while (reader.Position < reader.End)
        {
            var op = reader.Opcode();
            int position = reader.Position;
            if (!see(op, position, op == WasmOpcode.Call ? reader.Index() : -1))
            {
                return;
            }

            reader.Position = position;
            reader.SkipImmediates(op);
        }
    }

    private sealed class Loop(int position)
    {
        public int Position => position;

        public bool Long { get; set; }

        public bool Answers { get; set; }
    }
}
