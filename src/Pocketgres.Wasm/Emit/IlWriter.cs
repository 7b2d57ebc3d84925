using System.Buffers.Binary;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Wasm.Emit;

/// <summary>
/// Writes the IL of one method: opcodes, labels, and a running count of the evaluation stack (callers state each opcode's effect).
/// Branches always use the long form: method sizes are dominated by loads and stores, and one pass is enough.
/// </summary>
internal sealed class IlWriter
{
    private readonly List<Fixup> fixups = [];
    private readonly List<int> labels = [];
    private byte[] code = new byte[4096];

    /// <summary>Bytes written.</summary>
    public int Length { get; private set; }

    /// <summary>Instructions written.</summary>
    public int Instructions { get; private set; }

    /// <summary>Values on the evaluation stack now. Set it after an unconditional transfer of control.</summary>
    public int Stack { get; set; }

    /// <summary>Most values the stack held.</summary>
    public int MaxStack { get; private set; }

    public ReadOnlySpan<byte> Code => code.AsSpan(0, Length);

    public void Reset()
    {
        Length = Instructions = Stack = MaxStack = 0;
        fixups.Clear();
        labels.Clear();
    }

    /// <summary>Writes an opcode that changes the stack's depth by <paramref name="delta"/>.</summary>
    public void Op(ILOpCode opcode, int delta)
    {
        int value = (int)opcode;
        if (value > 0xff)
        {
            Byte(value >> 8);
        }

        Byte(value);
        Instructions++;
        Stack += delta;
        MaxStack = Math.Max(MaxStack, Stack);
    }

    /// <summary>An opcode that replaces the top of the stack (conversion, indirect load, negation).</summary>
    public void Unary(ILOpCode opcode) => Op(opcode, 0);

    /// <summary>An opcode that replaces the two topmost values by one.</summary>
    public void Binary(ILOpCode opcode) => Op(opcode, -1);

    /// <summary>An indirect store: address and value.</summary>
    public void StoreIndirect(ILOpCode opcode) => Op(opcode, -2);

    public void Token(ILOpCode opcode, EntityHandle handle, int delta)
    {
        Op(opcode, delta);
        Int32(MetadataTokens.GetToken(handle));
    }

    public void Call(EntityHandle method, int delta) => Token(ILOpCode.Call, method, delta);

    public void Int32Constant(int value)
    {
        if (value is >= -1 and <= 8)
        {
            Op((ILOpCode)((int)ILOpCode.Ldc_i4_0 + value), 1);
        }
        else if (value is >= sbyte.MinValue and <= sbyte.MaxValue)
        {
            Op(ILOpCode.Ldc_i4_s, 1);
            Byte(value);
        }
        else
        {
            Op(ILOpCode.Ldc_i4, 1);
            Int32(value);
        }
    }

    public void Int64Constant(long value)
    {
        if (value is >= int.MinValue and <= int.MaxValue)
        {
            Int32Constant((int)value);
            Unary(ILOpCode.Conv_i8);
        }
        else
        {
            Op(ILOpCode.Ldc_i8, 1);
            Int64(value);
        }
    }

    public void SingleConstant(int bits)
    {
        Op(ILOpCode.Ldc_r4, 1);
        Int32(bits);
    }

    public void DoubleConstant(long bits)
    {
        Op(ILOpCode.Ldc_r8, 1);
        Int64(bits);
    }

    public void String(UserStringHandle handle)
    {
        Op(ILOpCode.Ldstr, 1);
        Int32(MetadataTokens.GetToken(handle));
    }

    public void LoadArgument(int index) => Indexed(index, ILOpCode.Ldarg_0, ILOpCode.Ldarg_s, ILOpCode.Ldarg, 1);

    public void StoreArgument(int index) => Indexed(index, null, ILOpCode.Starg_s, ILOpCode.Starg, -1);

    public void LoadLocal(int index) => Indexed(index, ILOpCode.Ldloc_0, ILOpCode.Ldloc_s, ILOpCode.Ldloc, 1);

    public void StoreLocal(int index) => Indexed(index, ILOpCode.Stloc_0, ILOpCode.Stloc_s, ILOpCode.Stloc, -1);

    public void LoadLocalAddress(int index) => Indexed(index, null, ILOpCode.Ldloca_s, ILOpCode.Ldloca, 1);

    /// <summary>Returns; what follows is unreachable until a label is marked.</summary>
    public void Return()
    {
        Op(ILOpCode.Ret, 0);
        Stack = 0;
    }

    public void Throw()
    {
        Op(ILOpCode.Throw, -1);
        Stack = 0;
    }

    /// <summary>Replaces a table index by the address of its slot in the function table below argument 0 (<c>m</c>).</summary>
    public void TableSlotAddress()
    {
        Int32Constant(InstanceLayout.TableSlots - 1);
        Binary(ILOpCode.And);
        Unary(ILOpCode.Conv_u);
        Int32Constant(3);
        Binary(ILOpCode.Shl);
        LoadArgument(0);
        Binary(ILOpCode.Add);
        Int32Constant(InstanceLayout.TableOffset);
        Binary(ILOpCode.Add);
    }

    public int NewLabel()
    {
        labels.Add(-1);
        return labels.Count - 1;
    }

    public void Mark(int label) => labels[label] = Length;

    public void Branch(ILOpCode opcode, int label, int delta)
    {
        Op(opcode, delta);
        fixups.Add(new Fixup(Length, label, Length + 4));
        Int32(0);
    }

    public void Jump(int label) => Branch(ILOpCode.Br, label, 0);

    public void Switch(ReadOnlySpan<int> targets)
    {
        Op(ILOpCode.Switch, -1);
        Int32(targets.Length);
        int origin = Length + (4 * targets.Length);
        foreach (int label in targets)
        {
            fixups.Add(new Fixup(Length, label, origin));
            Int32(0);
        }
    }

    /// <summary>Fills in the branch offsets. Call once, after the last instruction.</summary>
    public void ResolveLabels()
    {
        foreach (var (position, label, origin) in fixups)
        {
            if (labels[label] < 0)
            {
                throw new InvalidOperationException($"label {label} was never placed");
            }

            BinaryPrimitives.WriteInt32LittleEndian(code.AsSpan(position), labels[label] - origin);
        }
    }

    private void Indexed(int index, ILOpCode? first, ILOpCode shortForm, ILOpCode longForm, int delta)
    {
        if (index < 4 && first is { } zero)
        {
            Op((ILOpCode)((int)zero + index), delta);
        }
        else if (index < 256)
        {
            Op(shortForm, delta);
            Byte(index);
        }
        else
        {
            Op(longForm, delta);
            Reserve(2);
            BinaryPrimitives.WriteUInt16LittleEndian(code.AsSpan(Length), checked((ushort)index));
            Length += 2;
        }
    }

    private void Reserve(int count)
    {
        if (Length + count > code.Length)
        {
            Array.Resize(ref code, code.Length * 2);
        }
    }

    private void Byte(int value)
    {
        Reserve(1);
        code[Length++] = (byte)value;
    }

    private void Int32(int value)
    {
        Reserve(4);
        BinaryPrimitives.WriteInt32LittleEndian(code.AsSpan(Length), value);
        Length += 4;
    }

    private void Int64(long value)
    {
        Reserve(8);
        BinaryPrimitives.WriteInt64LittleEndian(code.AsSpan(Length), value);
        Length += 8;
    }

    private readonly record struct Fixup(int Position, int Label, int Origin);
}
