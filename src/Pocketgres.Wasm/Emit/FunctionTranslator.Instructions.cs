using System.Reflection.Metadata;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>The instruction loop: turns instructions into pending expressions and statements.</summary>
internal sealed partial class FunctionTranslator
{
    /// <summary>Translates up to a position: a function's end, or the end or else that closes an outlined region.</summary>
    private void TranslateUntil(int end)
    {
        while (reader.Position < end)
        {
            var op = reader.Opcode();
            if (!live && SkipDead(op))
            {
                continue;
            }

            Translate(op);
            if (frames.Count == 0)
            {
                if (reader.Position != end)
                {
                    throw Malformed("the function's last end is not at the end of its body");
                }

                return;
            }

            if (!live)
            {
                Il.Stack = 0;
            }
            else if (Il.Stack != 0)
            {
                throw new InvalidOperationException($"{Il.Stack} values left on the IL stack after {op}");
            }
        }

        if (frames[0].Kind == FrameKind.Function)
        {
            throw Malformed("function body ends inside a block");
        }
    }

    /// <summary>Skips an unreachable instruction, unless it may end the unreachable stretch.</summary>
    private bool SkipDead(WasmOpcode op)
    {
        if (op is WasmOpcode.End or WasmOpcode.Else)
        {
            if (deadDepth == 0)
            {
                return false;
            }

            deadDepth -= op == WasmOpcode.End ? 1 : 0;
            return true;
        }

        deadDepth += op is WasmOpcode.Block or WasmOpcode.Loop or WasmOpcode.If ? 1 : 0;
        reader.SkipImmediates(op);
        return true;
    }

    private void BecomeDead()
    {
        live = false;
        deadDepth = 0;
    }

    private void Translate(WasmOpcode op)
    {
        switch (op)
        {
            case WasmOpcode.Unreachable:
                Unreachable();
                break;
            case WasmOpcode.Nop:
                break;
            case WasmOpcode.Block or WasmOpcode.Loop or WasmOpcode.If:
                BeginBlock(op);
                break;
            case WasmOpcode.Else:
                BeginElse();
                break;
            case WasmOpcode.End:
                EndBlock();
                break;
            case WasmOpcode.Br:
                Branch(Target());
                break;
            case WasmOpcode.BrIf:
                BranchIf(Target());
                break;
            case WasmOpcode.BrTable:
                BranchTable();
                break;
            case WasmOpcode.Return:
                Branch(frames[0]);
                break;
            case WasmOpcode.Call:
                Call();
                break;
            case WasmOpcode.CallIndirect:
                CallIndirect();
                break;
            case WasmOpcode.Drop:
                Drop();
                break;
            case WasmOpcode.SelectTyped:
                reader.SkipImmediates(op);
                goto case WasmOpcode.Select;
            case WasmOpcode.Select:
                var choice = Pop(3);
                Push(new Expression(WasmOpcode.Select, choice[0].Type, choice[0], choice[1], choice[2]));
                break;
            case >= WasmOpcode.LocalGet and <= WasmOpcode.GlobalSet:
                Variable(op);
                break;
            case >= WasmOpcode.I32Const and <= WasmOpcode.F64Const:
                Constant(op);
                break;
            case (>= WasmOpcode.I32Load and <= WasmOpcode.MemoryGrow) or WasmOpcode.MemoryCopy or WasmOpcode.MemoryFill:
                Memory(op);
                break;
            case (>= WasmOpcode.AtomicNotify and <= WasmOpcode.AtomicFence) or (>= WasmOpcode.I32AtomicLoad and <= WasmOpcode.I64AtomicCompareExchange32U):
                Atomic(op);
                break;
            default:
                Numeric(op);
                break;
        }
    }

    private void Variable(WasmOpcode op)
    {
        if (op is WasmOpcode.GlobalGet or WasmOpcode.GlobalSet)
        {
            int index = reader.Index();
            var global = context.Globals.Access(index, reader.Position);
            if (op == WasmOpcode.GlobalGet)
            {
                Push(new Expression(op, global.Type) { Immediate = index, ReadsMemory = global.IsMutable });
                return;
            }

            if (!global.IsMutable)
            {
                throw Malformed($"global {index} is immutable");
            }

            var newValue = Pop();
            SpillConflicts(true, newValue.LocalsWritten);
            SlotAddress(global.Slot);
            Emit(newValue);
            Il.StoreIndirect(StoreOf(global.Type));
            return;
        }

        int local = LocalIndex();
        switch (op)
        {
            case WasmOpcode.LocalGet:
                Push(Expression.Local(local, localTypes[local]));
                break;
            case WasmOpcode.LocalSet:
                var value = Pop();
                SpillConflicts(value.WritesMemory, value.LocalsWritten | Expression.LocalBit(local));
                StoreLocal(local, value);
                break;
            default:
                var source = Pop();
                var tee = new Expression(op, source.Type, source) { Immediate = local };
                tee.LocalsWritten |= Expression.LocalBit(local);
                Push(tee);
                break;
        }
    }

    private void Constant(WasmOpcode op)
    {
        switch (op)
        {
            case WasmOpcode.I32Const:
                int value = reader.S32();
                Push(Expression.Int32(value));
                break;
            case WasmOpcode.I64Const:
                Push(new Expression(op, WasmType.I64) { Immediate = reader.S64() });
                break;
            case WasmOpcode.F32Const:
                Push(new Expression(op, WasmType.F32) { Immediate = reader.Fixed32() });
                break;
            default:
                Push(new Expression(op, WasmType.F64) { Immediate = reader.Fixed64() });
                break;
        }
    }

    private void Memory(WasmOpcode op)
    {
        switch (op)
        {
            case <= WasmOpcode.I64Load32U:
                uint loadOffset = StaticOffset();
                Push(new Expression(op, LoadedType(op), Pop()) { Immediate = loadOffset, ReadsMemory = true });
                break;
            case <= WasmOpcode.I64Store32:
                uint offset = StaticOffset();
                var store = Pop(2);
                SpillConflicts(true, store[0].LocalsWritten | store[1].LocalsWritten);
                Address(store[0], offset);
                int kept = KeepAddress(store[0]);
                Emit(store[1]);
                CheckStore(kept, BytesOf(op));
                Il.StoreIndirect(StoreInstruction(op));
                break;
            case WasmOpcode.MemorySize:
                RequireMemoryZero();
                Push(new Expression(op, context.Module.IsMemory64 ? WasmType.I64 : WasmType.I32) { ReadsMemory = true });
                break;
            case WasmOpcode.MemoryGrow:
                RequireMemoryZero();
                Push(GrowMemory(Pop()));
                break;
            default:
                RequireMemoryZero();
                if (op == WasmOpcode.MemoryCopy)
                {
                    RequireMemoryZero();
                }

                Bulk(op == WasmOpcode.MemoryCopy, Pop(3));
                break;
        }
    }

    private Expression GrowMemory(Expression pages)
    {
        var few = pages.Type == WasmType.I64 ? new Expression(WasmOpcode.I32WrapI64, WasmType.I32, pages) : pages;
        var old = context.MemoryGrow is { } host
            ? Expression.CallHost(host, few)
            : new Expression(WasmOpcode.MemoryGrow, WasmType.I32, few) { ReadsMemory = true, WritesMemory = true };
        return pages.Type == WasmType.I64 ? new Expression(WasmOpcode.I64ExtendI32S, WasmType.I64, old) : old;
    }

    // An offset beyond every memory is that of an access that is never executed, such as to a page before the first buffer (clang 21): with the largest one below it faults as well.
    private uint StaticOffset()
    {
        int at = reader.Position;
        if (reader.U32() >= 0x40)
        {
            throw WasmFormatException.Unsupported("more than one memory", at);
        }

        return (uint)Math.Min(reader.U64(), uint.MaxValue);
    }

    private void RequireMemoryZero()
    {
        int at = reader.Position;
        if (reader.U32() != 0)
        {
            throw WasmFormatException.Unsupported("more than one memory", at);
        }
    }

    // Bytes from which on the host looks at what is cleared (BulkMemory): pages of zeros that are not written take no memory.
    private const uint LongFill = 8192;

    private void Bulk(bool copy, Expression[] operands)
    {
        SpillConflicts(true, operands[0].LocalsWritten | operands[1].LocalsWritten | operands[2].LocalsWritten);
        if (ChecksRaces)
        {
            Il.LoadArgument(0);
            Array.ForEach(operands, EmitInt32);
            Il.Int32Constant(Site(context.Linkage.FunctionName(current)));
            Il.Call(context.Emitter.Helper(copy ? RuntimeHelper.RaceCopy : RuntimeHelper.RaceFill), -5);
        }
        else if (copy || operands[2].Opcode is not (WasmOpcode.I32Const or WasmOpcode.I64Const) || (uint)operands[2].Immediate >= LongFill)
        {
            Il.LoadArgument(0);
            Array.ForEach(operands, EmitInt32);
            Il.Call(context.Emitter.Helper(copy ? RuntimeHelper.MemoryCopy : RuntimeHelper.MemoryFill), -4);
        }
        else
        {
            // Only for constant sizes: otherwise .NET 10's JIT makes it a call that it believes not to write memory, and moves loads across it.
            Address(operands[0], 0);
            Emit(operands[1]);
            EmitInt32(operands[2]);
            Il.Op(ILOpCode.Initblk, -3);
        }
    }

    private static WasmType LoadedType(WasmOpcode op) => op switch
    {
        WasmOpcode.I32Load or (>= WasmOpcode.I32Load8S and <= WasmOpcode.I32Load16U) => WasmType.I32,
        WasmOpcode.F32Load => WasmType.F32,
        WasmOpcode.F64Load => WasmType.F64,
        _ => WasmType.I64,
    };

    private static ILOpCode StoreInstruction(WasmOpcode op) => op switch
    {
        WasmOpcode.I32Store or WasmOpcode.I64Store32 => ILOpCode.Stind_i4,
        WasmOpcode.I64Store => ILOpCode.Stind_i8,
        WasmOpcode.F32Store => ILOpCode.Stind_r4,
        WasmOpcode.F64Store => ILOpCode.Stind_r8,
        WasmOpcode.I32Store8 or WasmOpcode.I64Store8 => ILOpCode.Stind_i1,
        _ => ILOpCode.Stind_i2,
    };
}
