using System.Reflection.Metadata;
using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>Atomic instructions (prefix 0xfe).</summary>
/// <remarks>
/// Loads acquire and stores release, as volatile accesses of the CLI do. WebAssembly's are sequentially consistent, but what PostgreSQL is compiled from asks for no
/// more: its atomic loads and stores are those of C's volatile and the release of spinlocks; where it needs a store to be seen before a later load, it
/// uses an exchange or a fence, which are full barriers here too. Code that relies on <c>atomic_store</c> alone for that has to use an exchange as well.
/// </remarks>
internal sealed partial class FunctionTranslator
{
    private const int FormsOfAnAccess = 7;
    private static readonly int[] BitsOfForm = [32, 64, 8, 16, 8, 16, 32];

    private void Atomic(WasmOpcode op)
    {
        bool isLeftOut = IsLeftOut(AtomicInstructions.Name(op));
        if (op == WasmOpcode.AtomicFence)
        {
            reader.Skip(1);
            SpillConflicts(true, 0);
            if (isLeftOut)
            {
                return;
            }

            Disturb();
            Il.Call(context.Emitter.Helper(RuntimeHelper.MemoryBarrier), 0);
            Disturb();
            return;
        }

        uint offset = StaticOffset();
        if (isLeftOut && op <= WasmOpcode.AtomicWait64)
        {
            LeaveOutHostCall(op);
            return;
        }

        var operands = Pop(op.AtomicOperands());
        if (op <= WasmOpcode.AtomicWait64)
        {
            Finish(Expression.CallHost(context.AtomicHost(op), [Shifted(operands[0], offset), .. operands[1..]]));
            return;
        }

        var result = op is >= WasmOpcode.I32AtomicStore and <= WasmOpcode.I64AtomicStore32 ? WasmType.None : IsWideAtomic(op) ? WasmType.I64 : WasmType.I32;
        Finish(new Expression(op, result, operands[0], operands.ElementAtOrDefault(1), operands.ElementAtOrDefault(2))
        {
            Immediate = offset,
            ReadsMemory = true,
            WritesMemory = true, // others' writes become visible, so nothing moves across it
        });
    }

    /// <summary>A 32-bit address with its static offset, for a host function. (Such an offset does not wrap in any valid program.)</summary>
    private static Expression Shifted(Expression address, uint offset)
    {
        var low = address.Type == WasmType.I64 ? new Expression(WasmOpcode.I32WrapI64, WasmType.I32, address) : address;
        return offset == 0 ? low : new Expression(WasmOpcode.I32Add, WasmType.I32, low, Expression.Int32((int)offset));
    }

    private static int Form(WasmOpcode op) => (op - WasmOpcode.I32AtomicLoad) % FormsOfAnAccess;

    private static bool IsWideAtomic(WasmOpcode op) => Form(op) is 1 or >= 4;

    private void EmitAtomic(Expression e)
    {
        bool changes = e.Opcode > WasmOpcode.I64AtomicLoad32U;
        if (changes)
        {
            Disturb();
        }

        EmitAtomicAccess(e);
        if (changes)
        {
            Disturb();
        }
    }

    private void Disturb()
    {
        if (context.Variant.FuzzSchedules)
        {
            Il.Call(context.Emitter.Helper(RuntimeHelper.Disturb), 0);
        }
    }

    private void EmitAtomicAccess(Expression e)
    {
        int bits = BitsOfForm[Form(e.Opcode)];
        bool isLeftOut = context.Variant.WithoutAtomic == AtomicInstructions.Name(e.Opcode);
        Address(e.A!, (uint)e.Immediate);
        int kept = isLeftOut ? -1 : KeepAddress(e.A!); // what is left out orders nothing
        switch (e.Opcode)
        {
            case <= WasmOpcode.I64AtomicLoad32U:
                Volatile(isLeftOut);
                Il.Unary(LoadOf(bits));
                break;
            case <= WasmOpcode.I64AtomicStore32:
                Emit(e.B!);
                CheckRelease(kept, e.Opcode);
                Forget(kept);
                Volatile(isLeftOut);
                Il.StoreIndirect(StoreOf(bits));
                return;
            case > WasmOpcode.I64AtomicStore32 when isLeftOut:
                EmitPlainUpdate(e, bits);
                break;
            case < WasmOpcode.I32AtomicCompareExchange:
                EmitAtomicUpdate(e, bits, kept);
                break;
            default:
                // The CLI's method has the new value first.
                EmitAtomicOperand(e.B!, bits);
                var type = bits == 64 ? WasmType.I64 : WasmType.I32;
                int expected = NewTemp(type);
                Il.StoreLocal(expected);
                EmitAtomicOperand(e.C!, bits);
                Il.LoadLocal(expected);
                FreeTemp(expected, type);
                CheckRelease(kept, e.Opcode);
                Il.Call(context.Emitter.Helper(RuntimeHelper.AtomicCompareExchange(bits)), -2);
                break;
        }

        CheckAcquire(kept, e.Opcode);
        Forget(kept);
        if (IsWideAtomic(e.Opcode) && bits < 64)
        {
            Il.Unary(ILOpCode.Conv_u8);
        }
    }

    private void Volatile(bool isLeftOut)
    {
        if (!isLeftOut)
        {
            Il.Unary(ILOpCode.Volatile);
        }
    }

    /// <summary>Applies an operation to the address on the IL stack and leaves the value that was there before.</summary>
    private void EmitAtomicUpdate(Expression e, int bits, int kept)
    {
        var operation = (AtomicOperation)((e.Opcode - WasmOpcode.I32AtomicAdd) / FormsOfAnAccess);
        EmitAtomicOperand(e.B!, bits);
        CheckRelease(kept, e.Opcode);
        if (operation == AtomicOperation.Exchange || (bits >= 32 && operation is AtomicOperation.And or AtomicOperation.Or))
        {
            Il.Call(context.Emitter.Helper(RuntimeHelper.Atomic(operation, bits)), -1);
        }
        else if (bits >= 32 && operation is AtomicOperation.Add or AtomicOperation.Subtract)
        {
            if (operation == AtomicOperation.Subtract)
            {
                Il.Unary(ILOpCode.Neg);
            }

            var type = bits == 64 ? WasmType.I64 : WasmType.I32;
            int added = NewTemp(type);
            Il.Op(ILOpCode.Dup, 1);
            Il.StoreLocal(added);
            Il.Call(context.Emitter.Helper(RuntimeHelper.Atomic(AtomicOperation.Add, bits)), -1); // returns the new value
            Il.LoadLocal(added);
            Il.Binary(ILOpCode.Sub);
            FreeTemp(added, type);
        }
        else
        {
            Il.Int32Constant((int)operation);
            Il.Call(context.Emitter.Helper(RuntimeHelper.AtomicUpdate(bits)), -2);
        }
    }

    private void EmitAtomicOperand(Expression e, int bits)
    {
        if (bits < 64)
        {
            EmitInt32(e);
        }
        else
        {
            Emit(e);
        }
    }
}
