using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>
/// Which locals a function uses as addresses, by going through it with the operand stack's origins: for each value, the local it was read from
/// or was just written to, if any.
/// </summary>
internal sealed class AddressScan
{
    private const int NoLocal = -1;

    // Of a function that does not exist, which the translator reports.
    private static readonly FunctionType None = new([], WasmType.None);

    private readonly WasmReader reader;
    private readonly WasmModule module;
    private readonly List<int> stack = [];
    private readonly List<(int Height, WasmType Result)> blocks = [];
    private readonly int[] uses;

    private AddressScan(WasmReader reader, WasmModule module, int locals)
    {
        this.reader = reader;
        this.module = module;
        uses = new int[locals];
    }

    /// <summary>How many loads and stores have each local as their address. Leaves the reader, which is at the first instruction, where it is.</summary>
    public static int[] Count(WasmReader reader, WasmModule module, int locals)
    {
        int start = reader.Position;
        var scan = new AddressScan(reader, module, locals);
        scan.Run();
        reader.Position = start;
        return scan.uses;
    }

    private void Run()
    {
        while (reader.Position < reader.End)
        {
            Instruction(reader.Opcode());
        }
    }

    private void Instruction(WasmOpcode op)
    {
        switch (op)
        {
            case WasmOpcode.Block or WasmOpcode.Loop or WasmOpcode.If:
                Pop(op == WasmOpcode.If ? 1 : 0);
                blocks.Add((stack.Count, reader.BlockResult(module)));
                break;
            case WasmOpcode.Else:
                Truncate();
                break;
            case WasmOpcode.End:
                Truncate();
                if (blocks.Count > 0)
                {
                    Push(blocks[^1].Result);
                    blocks.RemoveAt(blocks.Count - 1);
                }

                break;
            case WasmOpcode.Call:
                int callee = reader.Index();
                Call(callee < module.FunctionCount ? module.TypeOf(callee) : None);
                break;
            case WasmOpcode.CallIndirect:
                Pop(1);
                int type = reader.Index();
                Call(type < module.Types.Count ? module.Types[type] : None);
                reader.U32();
                break;
            case WasmOpcode.LocalGet:
                stack.Add(reader.Index());
                break;
            case WasmOpcode.LocalTee:
                Pop(1);
                stack.Add(reader.Index());
                break;
            case >= WasmOpcode.I32Load and <= WasmOpcode.I64Load32U:
                reader.SkipImmediates(op);
                Address();
                stack.Add(NoLocal);
                break;
            case >= WasmOpcode.I32Store and <= WasmOpcode.I64Store32:
                reader.SkipImmediates(op);
                Pop(1);
                Address();
                break;
            case >= WasmOpcode.I32AtomicLoad and <= WasmOpcode.I64AtomicCompareExchange32U:
                reader.SkipImmediates(op);
                Pop(op.AtomicOperands() - 1);
                Address();
                if (op is not (>= WasmOpcode.I32AtomicStore and <= WasmOpcode.I64AtomicStore32))
                {
                    stack.Add(NoLocal);
                }

                break;
            default:
                reader.SkipImmediates(op);
                Pop(Operands(op));
                if (HasResult(op))
                {
                    stack.Add(NoLocal);
                }

                break;
        }
    }

    private void Call(FunctionType type)
    {
        Pop(type.Parameters.Length);
        Push(type.Result);
    }

    private void Address()
    {
        int local = Pop();
        if (local != NoLocal && local < uses.Length)
        {
            uses[local]++;
        }
    }

    private void Push(WasmType type)
    {
        if (type != WasmType.None)
        {
            stack.Add(NoLocal);
        }
    }

    /// <summary>The origin of the topmost value. After a branch, where code cannot be reached, values may be missing: then none.</summary>
    private int Pop()
    {
        if (stack.Count <= (blocks.Count > 0 ? blocks[^1].Height : 0))
        {
            return NoLocal;
        }

        int top = stack[^1];
        stack.RemoveAt(stack.Count - 1);
        return top;
    }

    private void Pop(int count)
    {
        for (; count > 0; count--)
        {
            Pop();
        }
    }

    private void Truncate()
    {
        int height = blocks.Count > 0 ? blocks[^1].Height : 0;
        if (stack.Count > height)
        {
            stack.RemoveRange(height, stack.Count - height);
        }
    }

    private static int Operands(WasmOpcode op) => op switch
    {
        WasmOpcode.Select or WasmOpcode.SelectTyped or WasmOpcode.MemoryCopy or WasmOpcode.MemoryFill => 3,
        WasmOpcode.BrIf or WasmOpcode.BrTable or WasmOpcode.Drop or WasmOpcode.LocalSet or WasmOpcode.GlobalSet or WasmOpcode.MemoryGrow => 1,
        _ => op.NumericOperands() + op.AtomicOperands(),
    };

    private static bool HasResult(WasmOpcode op) => op is WasmOpcode.Select or WasmOpcode.SelectTyped or WasmOpcode.GlobalGet or WasmOpcode.MemorySize
        or WasmOpcode.MemoryGrow or (>= WasmOpcode.AtomicNotify and <= WasmOpcode.AtomicWait64) or (>= WasmOpcode.I32Const and <= WasmOpcode.F64Const) || op.NumericOperands() > 0;
}
