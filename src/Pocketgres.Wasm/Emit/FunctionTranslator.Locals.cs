using System.Reflection.Metadata;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>Where the locals are, and as what.</summary>
/// <remarks>
/// A local that some load or store has as its address is wide: an IL local of 64 bits whose upper half is 0, so that the address needs no
/// conversion where it is used. The JIT would make each conversion an instruction that copies the local to another register. Where a wide local is set,
/// the conversion costs nothing as a rule, since the value was to be moved anyway; where it is used as a number, the JIT just takes the register's lower half.
/// A parameter, of which the upper half is not known, is copied to a wide local at the method's entry.
/// </remarks>
internal sealed partial class FunctionTranslator
{
    // Where a WebAssembly local lives: in argument n (> 0; argument 0 is m), or else in an IL local.
    private int[] argumentOf = [];
    private int[] ilLocalOf = [];
    private bool[] isWide = [];

    private bool[] ChooseWide()
    {
        if (context.Module.IsMemory64)
        {
            return new bool[localTypes.Count];
        }

        int[] uses = AddressScan.Count(reader, context.Module, localTypes.Count);
        return [.. uses.Select((count, local) => count > 0 && localTypes[local] == WasmType.I32)];
    }

    /// <summary>Assigns the locals that the method has: those that it takes, in the order of its arguments, and others. At the start of the method's code.</summary>
    private void PlaceLocals(IEnumerable<int> parameters, IEnumerable<int> others)
    {
        argumentOf = new int[localTypes.Count];
        ilLocalOf = new int[localTypes.Count];
        foreach (int local in others)
        {
            // WebAssembly's locals start as zero. The JIT drops what nobody reads.
            AddIlLocal(local);
            EmitConstant(IlLocals[ilLocalOf[local]], 0);
            StoreWhole(local);
        }

        int argument = 0;
        foreach (int local in parameters)
        {
            argument++;
            if (isWide[local])
            {
                AddIlLocal(local);
                Il.LoadArgument(argument);
                StoreLocal(local);
            }
            else
            {
                argumentOf[local] = argument;
            }
        }
    }

    private void AddIlLocal(int local)
    {
        ilLocalOf[local] = IlLocals.Count;
        IlLocals.Add(isWide[local] ? WasmType.I64 : localTypes[local]);
    }

    private int LocalIndex()
    {
        int index = reader.Index();
        return index < localTypes.Count ? index : throw Malformed($"local {index} does not exist");
    }

    /// <summary>Pushes a local's value, of the local's type.</summary>
    private void LoadLocal(int local)
    {
        LoadWhole(local);
        if (isWide[local])
        {
            Il.Unary(ILOpCode.Conv_i4);
        }
    }

    /// <summary>Pops a value of the local's type.</summary>
    private void StoreLocal(int local)
    {
        if (isWide[local])
        {
            Il.Unary(ILOpCode.Conv_u8);
        }

        StoreWhole(local);
    }

    private void StoreLocal(int local, Expression value)
    {
        bool isBelow4G = below4G is not null && value.Type == WasmType.I64 && IsBelow4G(value);
        if (isWide[local] && IsWide(value))
        {
            LoadWhole((int)value.Immediate);
            StoreWhole(local);
        }
        else
        {
            Emit(value);
            StoreLocal(local);
        }

        if (isBelow4G)
        {
            below4G!.Add(local);
        }
    }

    private void EmitTee(int local, Expression value)
    {
        if (isWide[local])
        {
            // Not dup: the JIT would keep the value in two registers, the number and the address.
            StoreLocal(local, value);
            LoadLocal(local);
        }
        else
        {
            Emit(value);
            Il.Op(ILOpCode.Dup, 1);
            StoreLocal(local);
        }
    }

    /// <summary>Pushes an address as a native integer.</summary>
    private void EmitWide(Expression address)
    {
        if (address.Opcode == WasmOpcode.LocalTee && isWide[(int)address.Immediate])
        {
            StoreLocal((int)address.Immediate, address.A!);
            LoadWhole((int)address.Immediate);
        }
        else if (IsWide(address))
        {
            LoadWhole((int)address.Immediate);
        }
        else
        {
            Emit(address);
        }

        Il.Unary(ILOpCode.Conv_u);
    }

    private bool IsWide(Expression e) => e.Opcode == WasmOpcode.LocalGet && isWide[(int)e.Immediate];

    private void LoadWhole(int local)
    {
        if (argumentOf[local] > 0)
        {
            Il.LoadArgument(argumentOf[local]);
        }
        else
        {
            Il.LoadLocal(ilLocalOf[local]);
        }
    }

    private void StoreWhole(int local)
    {
        below4G?.Remove(local);
        if (argumentOf[local] > 0)
        {
            Il.StoreArgument(argumentOf[local]);
        }
        else
        {
            Il.StoreLocal(ilLocalOf[local]);
        }
    }
}
