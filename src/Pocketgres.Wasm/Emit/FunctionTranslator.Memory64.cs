using System.Reflection.Metadata;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>Addresses of 64-bit memories, of which only the lower half is used.</summary>
/// <remarks>
/// A process has at most 4 GiB. So the upper half of every valid address is 0, and an access takes the lower half: then <c>m + address + offset</c>, whatever the
/// address was, stays in the 8 GiB reservation. What this costs is one move from a register to itself for each local that is used as an address:
/// computed addresses are computed with 32 bits in the first place, loaded ones are loaded so, and a local is cut in place where it is first used.
/// Cutting the local itself changes nothing for a program whose accesses are valid, since it has just been used for an access; so what comes after, up to the
/// next assignment, need not cut it again. <see cref="below4G"/> has the locals for which that holds, along every way to the present position.
/// </remarks>
internal sealed partial class FunctionTranslator
{
    private const int FirstPage = 4096;

    private LocalSet? below4G; // null: addresses are 32 bits wide
    private Dictionary<int, LocalSet> loopWrites = [];

    private void StartMemory64()
    {
        below4G = context.Module.IsMemory64 ? new LocalSet(localTypes.Count) : null;
        if (below4G is not null)
        {
            loopWrites = LoopWrites.Find(reader, localTypes.Count);
        }
    }

    private void StartMemory64(FunctionTranslator parent)
    {
        below4G = parent.below4G is null ? null : new LocalSet(localTypes.Count);
        loopWrites = parent.loopWrites;
    }

    /// <summary>At a branch to a frame's label, or to an if's else part.</summary>
    private void Arrive(ControlFrame target, bool atElse = false)
    {
        if (below4G is null || (target.Kind == FrameKind.Loop && !atElse))
        {
            return; // what a loop's branches do was taken into account at its head
        }

        var known = atElse ? target.Below4GAtElse : target.Below4GAtLabel;
        if (known is not null)
        {
            known.IntersectWith(below4G);
        }
        else if (atElse)
        {
            target.Below4GAtElse = below4G.Copy();
        }
        else
        {
            target.Below4GAtLabel = below4G.Copy();
        }
    }

    /// <summary>At the head of a loop, whose opcode ends at this position.</summary>
    private void ArriveAtLoop(int position) => below4G?.ExceptWith(loopWrites[position]);

    /// <summary>Where a label is marked: goes on with what its branches have in common, and the code before it, if that falls through.</summary>
    private void Meet(LocalSet? branches, bool fallsThrough)
    {
        if (below4G is null || branches is null)
        {
            return;
        }

        if (fallsThrough)
        {
            below4G.IntersectWith(branches);
        }
        else
        {
            below4G = branches;
        }
    }

    /// <summary>
    /// The base of an address that is a sum with a small constant, which becomes a part of the access's offset: so what is cut is the base, once for all its fields. The base of a valid
    /// address is one too, since nothing lies in the first page (the far end of the C stack), where the sum could have wrapped around. Never
    /// a negative constant: what the host keeps lies below linear memory.
    /// </summary>
    private static Expression TakeDisplacement(Expression address, ref uint offset)
    {
        if (address is { Opcode: WasmOpcode.I64Add, B: { Opcode: WasmOpcode.I64Const, Immediate: > 0 and <= FirstPage } displacement } && offset <= int.MaxValue - FirstPage)
        {
            offset += (uint)displacement.Immediate;
            return address.A!;
        }

        return address;
    }

    /// <summary>Pushes the lower half of an address as a native integer.</summary>
    private void EmitLowerHalf(Expression address)
    {
        switch (address.Opcode)
        {
            case WasmOpcode.LocalGet:
                int local = (int)address.Immediate;
                if (!below4G!.Contains(local))
                {
                    LoadWhole(local);
                    Il.Unary(ILOpCode.Conv_u4);
                    StoreCut(local);
                }

                LoadWhole(local);
                break;
            case WasmOpcode.LocalTee:
                EmitInt32(address.A!);
                StoreCut((int)address.Immediate);
                LoadWhole((int)address.Immediate);
                break;
            default:
                EmitInt32(address);
                break;
        }

        Il.Unary(ILOpCode.Conv_u);
    }

    private void StoreCut(int local)
    {
        Il.Unary(ILOpCode.Conv_u8);
        StoreWhole(local);
        below4G!.Add(local);
    }

    /// <summary>Pushes the lower half of an integer as an int32.</summary>
    private void EmitInt32(Expression e)
    {
        switch (e.Opcode)
        {
            case WasmOpcode.I64Const:
                Il.Int32Constant((int)e.Immediate);
                break;
            case WasmOpcode.I64ExtendI32S or WasmOpcode.I64ExtendI32U:
                Emit(e.A!);
                break;
            case WasmOpcode.I64Add or WasmOpcode.I64Sub or WasmOpcode.I64Mul or WasmOpcode.I64And or WasmOpcode.I64Or or WasmOpcode.I64Xor:
                EmitInt32(e.A!);
                EmitInt32(e.B!);
                Il.Binary(SimpleBinary(e.Opcode));
                break;
            case WasmOpcode.I64Shl when e.B!.IsConstant && (e.B.Immediate & 63) < 32:
                EmitInt32(e.A!);
                Il.Int32Constant((int)(e.B.Immediate & 63));
                Il.Binary(ILOpCode.Shl);
                break;
            case WasmOpcode.I64Load or WasmOpcode.I64Load32S or WasmOpcode.I64Load32U:
                Address(e.A!, (uint)e.Immediate);
                CheckLoad(e.A!, sizeof(int));
                Il.Unary(ILOpCode.Ldind_i4);
                break;
            default:
                Emit(e);
                if (e.Type == WasmType.I64)
                {
                    Il.Unary(ILOpCode.Conv_i4);
                }

                break;
        }
    }

    /// <summary>The upper half of an integer is 0 for certain.</summary>
    private bool IsBelow4G(Expression e) => e.Opcode switch
    {
        WasmOpcode.LocalGet => below4G!.Contains((int)e.Immediate),
        WasmOpcode.I64Const => e.Immediate is >= 0 and <= uint.MaxValue,
        WasmOpcode.I64ExtendI32U or WasmOpcode.I64Load8U or WasmOpcode.I64Load16U or WasmOpcode.I64Load32U => true,
        _ => false,
    };
}
