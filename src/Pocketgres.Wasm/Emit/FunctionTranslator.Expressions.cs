using System.Reflection.Metadata;
using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>Emits expressions: everything but arithmetic, which is in the Numeric part.</summary>
internal sealed partial class FunctionTranslator
{
    /// <summary>Emits code that leaves the expression's value (or nothing, for a call without result) on the IL stack.</summary>
    private void Emit(Expression e)
    {
        switch (e.Opcode)
        {
            case Expression.Temporary:
                Il.LoadLocal((int)e.Immediate);
                FreeTemp((int)e.Immediate, e.Type);
                break;
            case Expression.HostCall:
                EmitHostCall(e);
                break;
            case WasmOpcode.Call:
                EmitCall(e);
                break;
            case WasmOpcode.CallIndirect:
                EmitIndirectCall(e);
                break;
            case >= WasmOpcode.I32Const and <= WasmOpcode.F64Const:
                EmitConstant(e.Type, e.Immediate);
                break;
            case WasmOpcode.LocalGet:
                LoadLocal((int)e.Immediate);
                break;
            case WasmOpcode.LocalTee:
                EmitTee((int)e.Immediate, e.A!);
                break;
            case WasmOpcode.GlobalGet:
                EmitGlobal((int)e.Immediate);
                break;
            case WasmOpcode.Select:
                EmitSelect(e);
                break;
            case WasmOpcode.MemorySize:
                SlotAddress(InstanceLayout.MemoryPages);
                Il.Unary(ILOpCode.Ldind_i4);
                if (e.Type == WasmType.I64)
                {
                    Il.Unary(ILOpCode.Conv_u8);
                }

                break;
            case WasmOpcode.MemoryGrow:
                Il.LoadArgument(0);
                Emit(e.A!);
                Il.Call(context.Emitter.Helper(RuntimeHelper.MemoryGrowUnavailable), -1);
                break;
            case >= WasmOpcode.I32Load and <= WasmOpcode.I64Load32U:
                EmitLoad(e);
                break;
            case >= WasmOpcode.I32AtomicLoad and <= WasmOpcode.I64AtomicCompareExchange32U:
                EmitAtomic(e);
                break;
            default:
                EmitNumeric(e);
                break;
        }
    }

    private void EmitConstant(WasmType of, long bits)
    {
        switch (of)
        {
            case WasmType.I32:
                Il.Int32Constant((int)bits);
                break;
            case WasmType.I64:
                Il.Int64Constant(bits);
                break;
            case WasmType.F32 when (bits & 0x7fc0_0000) == 0x7f80_0000 && (bits & 0x003f_ffff) != 0:
                // The JIT keeps float constants as double, which would turn a signalling NaN into a quiet one.
                Il.Int32Constant((int)bits);
                Il.Call(context.Emitter.Helper(RuntimeHelper.SingleFromBits), 0);
                break;
            case WasmType.F32:
                Il.SingleConstant((int)bits);
                break;
            default:
                Il.DoubleConstant(bits);
                break;
        }
    }

    private void EmitGlobal(int index)
    {
        var global = context.Globals.Access(index, reader.Position);
        if (global.HasSlot)
        {
            SlotAddress(global.Slot);
            Il.Unary(LoadOf(global.Type));
            if (global.Constant != 0)
            {
                EmitConstant(global.Type, global.Constant);
                Il.Binary(ILOpCode.Add);
            }
        }
        else
        {
            EmitConstant(global.Type, global.Constant);
        }
    }

    /// <summary>Pushes the machine address of <c>m + (uint)address + offset</c>.</summary>
    private void Address(Expression address, uint offset)
    {
        if (address.Opcode is WasmOpcode.I32Const or WasmOpcode.I64Const)
        {
            Il.LoadArgument(0);
            Displacement((uint)address.Immediate + (long)offset);
            return;
        }

        if (below4G is null)
        {
            EmitWide(address);
        }
        else
        {
            EmitLowerHalf(TakeDisplacement(address, ref offset));
        }

        if (offset != 0)
        {
            Displacement(offset);
        }

        Il.LoadArgument(0);
        Il.Binary(ILOpCode.Add);
    }

    private void Displacement(long value)
    {
        if (value <= int.MaxValue)
        {
            Il.Int32Constant((int)value);
        }
        else
        {
            Il.Int64Constant(value);
            Il.Unary(ILOpCode.Conv_i);
        }

        Il.Binary(ILOpCode.Add);
    }

    private void EmitLoad(Expression e)
    {
        Address(e.A!, (uint)e.Immediate);
        CheckLoad(e.A!, BytesOf(e.Opcode));
        Il.Unary(e.Opcode switch
        {
            WasmOpcode.I32Load or WasmOpcode.I64Load32S => ILOpCode.Ldind_i4,
            WasmOpcode.I64Load => ILOpCode.Ldind_i8,
            WasmOpcode.F32Load => ILOpCode.Ldind_r4,
            WasmOpcode.F64Load => ILOpCode.Ldind_r8,
            WasmOpcode.I32Load8S or WasmOpcode.I64Load8S => ILOpCode.Ldind_i1,
            WasmOpcode.I32Load8U or WasmOpcode.I64Load8U => ILOpCode.Ldind_u1,
            WasmOpcode.I32Load16S or WasmOpcode.I64Load16S => ILOpCode.Ldind_i2,
            WasmOpcode.I32Load16U or WasmOpcode.I64Load16U => ILOpCode.Ldind_u2,
            _ => ILOpCode.Ldind_u4,
        });
        if (e.Opcode is WasmOpcode.I64Load8S or WasmOpcode.I64Load16S or WasmOpcode.I64Load32S)
        {
            Il.Unary(ILOpCode.Conv_i8);
        }
        else if (e.Opcode is WasmOpcode.I64Load8U or WasmOpcode.I64Load16U or WasmOpcode.I64Load32U)
        {
            Il.Unary(ILOpCode.Conv_u8);
        }
    }

    /// <summary>
    /// <c>select</c> evaluates both values, then the condition. If that order cannot be observed, the condition is tested first and only
    /// the chosen value computed.
    /// </summary>
    private void EmitSelect(Expression e)
    {
        var (first, second, condition) = (e.A!, e.B!, e.C!);
        int temp1 = -1;
        int temp2 = -1;
        if (first.HasSideEffects || second.HasSideEffects || ((first.ReadsMemory || second.ReadsMemory) && condition.WritesMemory) ||
            ((first.LocalsRead | second.LocalsRead) & condition.LocalsWritten) != 0)
        {
            Emit(first);
            Il.StoreLocal(temp1 = NewTemp(e.Type));
            Emit(second);
            Il.StoreLocal(temp2 = NewTemp(e.Type));
            first = Expression.Temp(temp1, e.Type);
            second = Expression.Temp(temp2, e.Type);
        }

        int chosen = Il.NewLabel();
        int done = Il.NewLabel();
        BranchOn(condition, chosen, sense: true);
        int depth = Il.Stack;
        var before = below4G?.Copy();
        Emit(second);
        Il.Jump(done);
        Il.Stack = depth;
        Il.Mark(chosen);
        var afterSecond = below4G;
        below4G = before;
        Emit(first);
        Il.Mark(done);
        Meet(afterSecond, fallsThrough: true);
    }
}
