using System.Reflection.Metadata;
using Pocketgres.Wasm.Patching;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>
/// Translates one function body (or, outlined, one region of it) to IL.
/// </summary>
/// <remarks>
/// Code generation choices, each measured on PostgreSQL's server against the alternatives:
/// operands are expression trees, spilled to temporaries only where a side effect would overtake them; the IL stack is empty at
/// every statement; block results travel in temporaries; comparisons fuse with the branch that tests them; an address is
/// <c>conv.u(address) + offset + m</c>, without a conversion of the constant, and locals that serve as addresses are kept converted. Trees, not a
/// stack machine in IL, because the JIT spills whatever lies on the IL stack across a branch.
/// This file holds the state; the other parts are Instructions, Locals, Control, Calls, Expressions, Numeric, Atomics, Mutants, Races, Memory64, Outlining, Resuming and StackChecks.
/// </remarks>
internal sealed partial class FunctionTranslator(ModuleContext context)
{
    private readonly List<Expression> pending = [];
    private readonly List<ControlFrame> frames = [];
    private readonly Dictionary<WasmType, Stack<int>> freeTemps = [];
    private WasmReader reader = new([], 0, 0);
    private FunctionType type = new([], WasmType.None);
    private List<WasmType> localTypes = [];
    private FunctionPatches? patches;

    // The current position can be reached. Unreachable code is skipped, not translated.
    private bool live;
    private int deadDepth;

    public IlWriter Il { get; } = new();

    /// <summary>Types of the method's IL locals: WebAssembly locals first, then temporaries.</summary>
    public List<WasmType> IlLocals { get; } = [];

    /// <summary>Blocks and branch-table entries seen: a measure of basic blocks.</summary>
    public int Blocks { get; private set; }

    /// <summary>Beyond these the JIT stops optimising a method (20,000 instructions, 60,000 bytes, 2,000 blocks), with a margin.</summary>
    public bool TooBig => Il.Instructions > 16000 || Il.Length > 48000 || Blocks > 1200;

    /// <summary>Translates a defined function.</summary>
    /// <param name="function">Function index.</param>
    /// <param name="minimumOutlined">Outline regions of at least this many bytes of WebAssembly; 0: none.</param>
    public void Translate(int function, int minimumOutlined = 0)
    {
        var body = context.Module.Bodies[function - context.Module.ImportedFunctionCount];
        Reset(body, context.Module.TypeOf(function), context.Patches.For(function));
        method = ModuleContext.FullName(context.Linkage, function);
        localTypes = FunctionLocals.Read(reader, type);
        isWide = ChooseWide();
        StartMemory64();
        PlaceLocals(Enumerable.Range(0, type.Parameters.Length), Enumerable.Range(type.Parameters.Length, localTypes.Count - type.Parameters.Length));
        StartOutlining(minimumOutlined);
        current = function;
        lookingLoops = context.Interrupts.LoopsIn(function);
        CheckStack(function);
        StartResumable(function);
        frames.Add(new ControlFrame(FrameKind.Function, type.Result, 0, -1));
        if (patches?.TakeHook() is { } hook)
        {
            // The method's argument 0 is linear memory; a hook without arguments takes only that.
            for (int i = 0; i < hook.Signature.Length; i++)
            {
                Il.LoadArgument(i);
            }

            Il.Call(context.Locked.Method(hook), -hook.Signature.Length);
        }

        TranslateUntil(body.End);
        Il.ResolveLabels();
    }

    /// <summary>A method that only passes its arguments on to a host function.</summary>
    public void Forward(int function, HostFunction host)
    {
        Reset(default, context.Module.TypeOf(function), null);
        current = function;
        for (int i = 0; i <= type.Parameters.Length; i++)
        {
            Il.LoadArgument(i);
        }

        Il.Call(context.Locked.Method(host), type.CallStackDelta);
        Il.Return();
        Il.ResolveLabels();
    }

    private void Reset(ByteRange body, FunctionType functionType, FunctionPatches? functionPatches)
    {
        reader = new WasmReader(context.Module.Bytes, body.Start, body.End);
        type = functionType;
        patches = functionPatches;
        patches?.Restart();
        Calls.Clear();
        Atomics.Clear();
        Il.Reset();
        IlLocals.Clear();
        pending.Clear();
        frames.Clear();
        freeTemps.Clear();
        Blocks = 0;
        live = true;
        deadDepth = 0;
        resumePosition = -1;
    }

    private WasmFormatException Malformed(string what) => new(what, reader.Position);

    // --- Pending expressions ---

    private void Push(Expression e) => pending.Add(e);

    private Expression Pop()
    {
        if (pending.Count <= frames[^1].Height)
        {
            throw Malformed("operand stack underflow");
        }

        var top = pending[^1];
        pending.RemoveAt(pending.Count - 1);
        return top;
    }

    private Expression[] Pop(int count)
    {
        var values = new Expression[count];
        for (int i = count - 1; i >= 0; i--)
        {
            values[i] = Pop();
        }

        return values;
    }

    /// <summary>
    /// Before a statement with these effects: spills pending expressions that have effects of their own or would see those of the
    /// statement, and all below them, so that evaluation stays in order.
    /// </summary>
    private void SpillConflicts(bool writesMemory, ulong localsWritten)
    {
        int last = pending.Count - 1;
        for (; last >= 0; last--)
        {
            var e = pending[last];
            if (!e.IsSettled && (e.HasSideEffects || (e.ReadsMemory && writesMemory) || (e.LocalsRead & localsWritten) != 0))
            {
                break;
            }
        }

        SpillThrough(last);
    }

    private void SpillConflicts(Expression statement) => SpillConflicts(statement.WritesMemory, statement.LocalsWritten);

    private void SpillAll() => SpillThrough(pending.Count - 1);

    /// <summary>Before a branch that drops what is pending: executes the side effects in it, keeping the topmost expressions.</summary>
    private void SpillEffects(int keepTop)
    {
        int last = pending.Count - 1 - keepTop;
        while (last >= 0 && !pending[last].HasSideEffects)
        {
            last--;
        }

        SpillThrough(last);
    }

    private void SpillThrough(int last)
    {
        for (int i = 0; i <= last; i++)
        {
            var e = pending[i];
            if (!e.IsSettled)
            {
                Emit(e);
                int temp = NewTemp(e.Type);
                Il.StoreLocal(temp);
                pending[i] = Expression.Temp(temp, e.Type);
            }
        }
    }

    // --- Temporaries ---

    private int NewTemp(WasmType of)
    {
        if (freeTemps.TryGetValue(of, out var free) && free.Count > 0)
        {
            return free.Pop();
        }

        IlLocals.Add(of);
        return IlLocals.Count - 1;
    }

    private void FreeTemp(int temp, WasmType of)
    {
        if (!freeTemps.TryGetValue(of, out var free))
        {
            freeTemps[of] = free = new Stack<int>();
        }

        free.Push(temp);
    }

    /// <summary>Frees the temporaries of an expression that is dropped unevaluated.</summary>
    private void Discard(Expression? e)
    {
        if (e is null)
        {
            return;
        }

        if (e.Opcode == Expression.Temporary)
        {
            FreeTemp((int)e.Immediate, e.Type);
        }

        Discard(e.A);
        Discard(e.B);
        Discard(e.C);
        Array.ForEach(e.Arguments, Discard);
    }

    /// <summary>Pushes the address of a slot at a negative offset from <c>m</c>.</summary>
    private void SlotAddress(int slot)
    {
        Il.LoadArgument(0);
        Il.Int32Constant(slot);
        Il.Binary(ILOpCode.Add);
    }

    private static ILOpCode LoadOf(WasmType of) => of switch
    {
        WasmType.I32 => ILOpCode.Ldind_i4,
        WasmType.I64 => ILOpCode.Ldind_i8,
        WasmType.F32 => ILOpCode.Ldind_r4,
        _ => ILOpCode.Ldind_r8,
    };

    private static ILOpCode StoreOf(WasmType of) => of switch
    {
        WasmType.I32 => ILOpCode.Stind_i4,
        WasmType.I64 => ILOpCode.Stind_i8,
        WasmType.F32 => ILOpCode.Stind_r4,
        _ => ILOpCode.Stind_r8,
    };
}
