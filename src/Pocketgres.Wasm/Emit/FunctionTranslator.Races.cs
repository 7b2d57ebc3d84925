using System.Reflection.Metadata;
using System.Text;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>Calls of the kernel's checker of races around accesses of memory (<see cref="CodeVariant.CheckRaces"/>).</summary>
/// <remarks>A plain access is told after its address and value are computed, since calls in them may take locks; an atomic one releases before and acquires after.</remarks>
internal sealed partial class FunctionTranslator
{
    private const int IsStore = 0x100;

    private bool ChecksRaces => context.Variant.CheckRaces;

    /// <summary>What the checker calls a function, or a kind of instruction: functions of equal names are one.</summary>
    public static int Site(string name)
    {
        uint hash = 2166136261; // FNV-1a
        foreach (byte b in Encoding.UTF8.GetBytes(name))
        {
            hash = (hash ^ b) * 16777619;
        }

        return (int)hash;
    }

    /// <summary>The address on the IL stack is about to be loaded from. One that is a constant is of the program's own data.</summary>
    private void CheckLoad(Expression address, int bytes)
    {
        if (ChecksRaces && !address.IsConstant)
        {
            Il.Op(ILOpCode.Dup, 1);
            CheckAccess(bytes);
        }
    }

    /// <summary>Keeps the address on the IL stack, which a value is to follow, for <see cref="CheckStore"/>.</summary>
    private int KeepAddress(Expression address)
    {
        if (!ChecksRaces || address.IsConstant)
        {
            return -1;
        }

        int kept = NewTemp(WasmType.I64);
        Il.Op(ILOpCode.Dup, 1);
        Il.Unary(ILOpCode.Conv_u8);
        Il.StoreLocal(kept);
        return kept;
    }

    private void CheckStore(int kept, int bytes)
    {
        if (kept >= 0)
        {
            LoadKept(kept);
            CheckAccess(bytes | IsStore);
            Forget(kept);
        }
    }

    /// <summary>After the operands are computed, which may have been loaded under the lock that this instruction gives back.</summary>
    private void CheckRelease(int kept, WasmOpcode op) => CheckSynchronisation(kept, op, RuntimeHelper.RaceRelease);

    private void CheckAcquire(int kept, WasmOpcode op) => CheckSynchronisation(kept, op, RuntimeHelper.RaceAcquire);

    private void CheckSynchronisation(int kept, WasmOpcode op, RuntimeHelper helper)
    {
        if (kept >= 0)
        {
            LoadKept(kept);
            Il.LoadArgument(0);
            Il.Int32Constant(Site(AtomicInstructions.Name(op)));
            Il.Call(context.Emitter.Helper(helper), -3);
        }
    }

    private void Forget(int kept)
    {
        if (kept >= 0)
        {
            FreeTemp(kept, WasmType.I64);
        }
    }

    private void LoadKept(int kept)
    {
        Il.LoadLocal(kept);
        Il.Unary(ILOpCode.Conv_u);
    }

    private void CheckAccess(int kind)
    {
        Il.LoadArgument(0);
        Il.Int32Constant(Site(context.Linkage.FunctionName(current)));
        Il.Int32Constant(kind);
        Il.Call(context.Emitter.Helper(RuntimeHelper.RaceAccess), -4);
    }

    private static int BytesOf(WasmOpcode op) => op switch
    {
        WasmOpcode.I32Load8S or WasmOpcode.I32Load8U or WasmOpcode.I64Load8S or WasmOpcode.I64Load8U or WasmOpcode.I32Store8 or WasmOpcode.I64Store8 => 1,
        WasmOpcode.I32Load16S or WasmOpcode.I32Load16U or WasmOpcode.I64Load16S or WasmOpcode.I64Load16U or WasmOpcode.I32Store16 or WasmOpcode.I64Store16 => 2,
        WasmOpcode.I64Load or WasmOpcode.F64Load or WasmOpcode.I64Store or WasmOpcode.F64Store => 8,
        _ => 4,
    };
}
