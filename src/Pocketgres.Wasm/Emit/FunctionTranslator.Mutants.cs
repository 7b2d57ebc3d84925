using System.Reflection.Metadata;
using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>Atomic instructions of one kind as plain ones (<see cref="CodeVariant.WithoutAtomic"/>): code that is wrong, so that tests can show that they would notice.</summary>
internal sealed partial class FunctionTranslator
{
    /// <summary>Names of the atomic instructions and barriers in the method and in what was split off it, in order.</summary>
    public List<string> Atomics { get; } = [];

    /// <summary>Counts an atomic instruction or barrier. True: it is to be left out.</summary>
    private bool IsLeftOut(string name)
    {
        Atomics.Add(name);
        return context.Variant.WithoutAtomic == name;
    }

    /// <summary>A wait returns at once, as if the value were another one; a notify wakes nobody.</summary>
    private void LeaveOutHostCall(WasmOpcode op)
    {
        foreach (var operand in Pop(op.AtomicOperands()))
        {
            if (operand.HasSideEffects)
            {
                SpillConflicts(operand);
                Emit(operand);
                Il.Op(ILOpCode.Pop, -1);
            }
            else
            {
                Discard(operand);
            }
        }

        Push(Expression.Int32(op == WasmOpcode.AtomicNotify ? 0 : 1));
    }

    /// <summary>A load, and then a store of what was computed from it. Leaves the value that was loaded.</summary>
    private void EmitPlainUpdate(Expression e, int bits)
    {
        var type = bits == 64 ? WasmType.I64 : WasmType.I32;
        int address = NewTemp(WasmType.I64), operand = NewTemp(type), old = NewTemp(type), result = NewTemp(type);
        Il.Unary(ILOpCode.Conv_u8);
        Il.StoreLocal(address);
        EmitAtomicOperand(e.B!, bits);
        Narrow(bits);
        Il.StoreLocal(operand);
        if (e.C is { } replacement)
        {
            EmitAtomicOperand(replacement, bits);
            Il.StoreLocal(result);
        }

        Il.LoadLocal(address);
        Il.Unary(ILOpCode.Conv_u);
        Il.Unary(LoadOf(bits));
        Il.StoreLocal(old);
        Disturb();
        int done = Il.NewLabel();
        if (e.C is not null)
        {
            Il.LoadLocal(old);
            Il.LoadLocal(operand);
            Il.Branch(ILOpCode.Bne_un, done, -2);
        }
        else
        {
            Combine((AtomicOperation)((e.Opcode - WasmOpcode.I32AtomicAdd) / FormsOfAnAccess), old, operand);
            Il.StoreLocal(result);
        }

        Il.LoadLocal(address);
        Il.Unary(ILOpCode.Conv_u);
        Il.LoadLocal(result);
        Il.StoreIndirect(StoreOf(bits));
        Il.Mark(done);
        Il.LoadLocal(old);
        FreeTemp(address, WasmType.I64);
        Array.ForEach([operand, old, result], t => FreeTemp(t, type));
    }

    private void Narrow(int bits)
    {
        if (bits < 32)
        {
            Il.Unary(bits == 8 ? ILOpCode.Conv_u1 : ILOpCode.Conv_u2);
        }
    }

    private void Combine(AtomicOperation operation, int old, int operand)
    {
        if (operation == AtomicOperation.Exchange)
        {
            Il.LoadLocal(operand);
            return;
        }

        Il.LoadLocal(old);
        Il.LoadLocal(operand);
        Il.Binary(operation switch
        {
            AtomicOperation.Add => ILOpCode.Add,
            AtomicOperation.Subtract => ILOpCode.Sub,
            AtomicOperation.And => ILOpCode.And,
            AtomicOperation.Or => ILOpCode.Or,
            _ => ILOpCode.Xor,
        });
    }

    private static ILOpCode LoadOf(int bits) => bits switch { 8 => ILOpCode.Ldind_u1, 16 => ILOpCode.Ldind_u2, 32 => ILOpCode.Ldind_i4, _ => ILOpCode.Ldind_i8 };

    private static ILOpCode StoreOf(int bits) => bits switch { 8 => ILOpCode.Stind_i1, 16 => ILOpCode.Stind_i2, 32 => ILOpCode.Stind_i4, _ => ILOpCode.Stind_i8 };
}
