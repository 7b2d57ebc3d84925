namespace Pocketgres.Wasm.Reading;

/// <summary>Reads instructions: opcodes, block types, and immediates that are only skipped.</summary>
internal static class InstructionReader
{
    /// <summary>The next opcode; the prefixes 0xfc and 0xfe are folded into it.</summary>
    public static WasmOpcode Opcode(this WasmReader reader)
    {
        int op = reader.Byte();
        return (WasmOpcode)(op is 0xfc or 0xfe ? (op << 8) + (int)Math.Min(reader.U32(), 0xff) : op);
    }

    /// <summary>A block's result. Blocks with parameters or several results are not supported.</summary>
    public static WasmType BlockResult(this WasmReader reader, WasmModule module)
    {
        int at = reader.Position;
        long code = reader.S64();
        switch (code)
        {
            case -64:
                return WasmType.None;
            case >= -4 and <= -1:
                return (WasmType)(code & 0x7f);
            case >= 0 when code < module.Types.Count && module.Types[(int)code] is { Parameters.Length: 0 } type:
                return type.Result;
            case >= 0:
                throw WasmFormatException.Unsupported("blocks with parameters (multi-value)", at);
            default:
                throw WasmFormatException.Unsupported($"block type {code}", at);
        }
    }

    /// <summary>Skips what follows an opcode. Not for blocks, whose end must be tracked by the caller (only their type is skipped).</summary>
    public static void SkipImmediates(this WasmReader reader, WasmOpcode opcode)
    {
        switch (opcode)
        {
            case WasmOpcode.Block or WasmOpcode.Loop or WasmOpcode.If or WasmOpcode.I32Const or WasmOpcode.I64Const:
                reader.S64();
                break;
            case WasmOpcode.Br or WasmOpcode.BrIf or WasmOpcode.Call or (>= WasmOpcode.LocalGet and <= WasmOpcode.GlobalSet):
            case WasmOpcode.MemorySize or WasmOpcode.MemoryGrow or WasmOpcode.MemoryFill:
                reader.U32();
                break;
            case WasmOpcode.CallIndirect or WasmOpcode.MemoryCopy:
                reader.U32();
                reader.U32();
                break;
            case (>= WasmOpcode.I32Load and <= WasmOpcode.I64Store32) or (>= WasmOpcode.AtomicNotify and <= WasmOpcode.AtomicWait64)
                or (>= WasmOpcode.I32AtomicLoad and <= WasmOpcode.I64AtomicCompareExchange32U):
                reader.U32();
                reader.U64(); // 64-bit memories: up to ten bytes
                break;
            case WasmOpcode.AtomicFence:
                reader.Skip(1);
                break;
            case WasmOpcode.BrTable:
                for (int n = reader.Count(); n >= 0; n--)
                {
                    reader.U32();
                }

                break;
            case WasmOpcode.SelectTyped:
                reader.Skip(reader.Count());
                break;
            case WasmOpcode.F32Const:
                reader.Skip(4);
                break;
            case WasmOpcode.F64Const:
                reader.Skip(8);
                break;
            default:
                if (!IsPlain(opcode))
                {
                    throw Unsupported(opcode, reader.Position - 1);
                }

                break;
        }
    }

    /// <summary>How many operands an arithmetic instruction, comparison or conversion takes; 0 for all other instructions.</summary>
    public static int NumericOperands(this WasmOpcode opcode) => opcode switch
    {
        WasmOpcode.I32Eqz or WasmOpcode.I64Eqz
            or (>= WasmOpcode.I32Clz and <= WasmOpcode.I32Popcnt) or (>= WasmOpcode.I64Clz and <= WasmOpcode.I64Popcnt)
            or (>= WasmOpcode.F32Abs and <= WasmOpcode.F32Sqrt) or (>= WasmOpcode.F64Abs and <= WasmOpcode.F64Sqrt)
            or (>= WasmOpcode.I32WrapI64 and <= WasmOpcode.I64Extend32S)
            or (>= WasmOpcode.I32TruncSatF32S and <= WasmOpcode.I64TruncSatF64U) => 1,
        >= WasmOpcode.I32Eq and <= WasmOpcode.F64Copysign => 2,
        _ => 0,
    };

    /// <summary>How many operands an atomic instruction takes, its address included; 0 for all other instructions.</summary>
    public static int AtomicOperands(this WasmOpcode opcode) => opcode switch
    {
        >= WasmOpcode.I32AtomicLoad and <= WasmOpcode.I64AtomicLoad32U => 1,
        WasmOpcode.AtomicNotify or (>= WasmOpcode.I32AtomicStore and < WasmOpcode.I32AtomicCompareExchange) => 2,
        WasmOpcode.AtomicWait32 or WasmOpcode.AtomicWait64
            or (>= WasmOpcode.I32AtomicCompareExchange and <= WasmOpcode.I64AtomicCompareExchange32U) => 3,
        _ => 0,
    };

    /// <summary>The error for an instruction that cannot be translated, with the name of the feature it belongs to.</summary>
    public static WasmFormatException Unsupported(WasmOpcode opcode, long offset) => WasmFormatException.Unsupported(
        (int)opcode switch
        {
            0xfd => "SIMD",
            0xfb => "garbage collection",
            0x12 or 0x13 => "tail calls",
            0x14 or 0x15 or (>= 0xd3 and <= 0xd6) => "typed function references",
            >= 0xd0 and <= 0xd2 or 0x25 or 0x26 or (>= 0xfc0c and <= 0xfc11) => "reference types (table instructions)",
            (>= 0x06 and <= 0x0a) or 0x18 or 0x19 or 0x1f => "exception handling",
            0xfc08 or 0xfc09 => "passive data segments (memory.init, data.drop)",
            _ => "unknown instruction",
        } + $" (opcode 0x{(int)opcode:x2})", offset);

    private static bool IsPlain(WasmOpcode opcode) => opcode.NumericOperands() > 0
        || opcode is WasmOpcode.Unreachable or WasmOpcode.Nop or WasmOpcode.Else or WasmOpcode.End or WasmOpcode.Return or WasmOpcode.Drop or WasmOpcode.Select;
}
