using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>A method outside the translated assembly that implements an instruction.</summary>
/// <param name="Owner">Where it is declared.</param>
/// <param name="Method">Its name.</param>
/// <param name="Signature">Result, then parameters: v, i, j, f, d as everywhere, u and U unsigned, b = byte, w = ushort,
/// p = byte*, B, W, I and J = ref byte, ushort, int and long, x = Exception, s = string.</param>
internal sealed record RuntimeHelper(HelperOwner Owner, string Method, string Signature)
{
    public static readonly RuntimeHelper RemS32 = new(HelperOwner.WasmRuntime, "RemS32", "iii");
    public static readonly RuntimeHelper RemS64 = new(HelperOwner.WasmRuntime, "RemS64", "jjj");
    public static readonly RuntimeHelper MemoryCopy = new(HelperOwner.WasmRuntime, "MemoryCopy", "vpiii");
    public static readonly RuntimeHelper MemoryFill = new(HelperOwner.WasmRuntime, "MemoryFill", "vpiii");
    public static readonly RuntimeHelper MemoryGrowUnavailable = new(HelperOwner.WasmRuntime, "MemoryGrowUnavailable", "ipi");
    public static readonly RuntimeHelper Unreachable = new(HelperOwner.WasmRuntime, "Unreachable", "x");
    public static readonly RuntimeHelper UnresolvedImport = new(HelperOwner.WasmRuntime, "UnresolvedImport", "xs");
    public static readonly RuntimeHelper EnterKernel = new(HelperOwner.WasmRuntime, "EnterKernel", "vp");
    public static readonly RuntimeHelper LeaveKernel = new(HelperOwner.WasmRuntime, "LeaveKernel", "vp");
    public static readonly RuntimeHelper StackLimitReached = new(HelperOwner.WasmRuntime, "StackLimitReached", "vpi");
    public static readonly RuntimeHelper Interrupted = new(HelperOwner.WasmRuntime, "Interrupted", "vpi");
    public static readonly RuntimeHelper Disturb = new(HelperOwner.WasmRuntime, "Disturb", "v");
    public static readonly RuntimeHelper RaceAccess = new(HelperOwner.WasmRuntime, "RaceAccess", "vppii");
    public static readonly RuntimeHelper RaceRelease = new(HelperOwner.WasmRuntime, "RaceRelease", "vppi");
    public static readonly RuntimeHelper RaceAcquire = new(HelperOwner.WasmRuntime, "RaceAcquire", "vppi");
    public static readonly RuntimeHelper RaceCopy = new(HelperOwner.WasmRuntime, "RaceCopy", "vpiiii");
    public static readonly RuntimeHelper RaceFill = new(HelperOwner.WasmRuntime, "RaceFill", "vpiiii");
    public static readonly RuntimeHelper SingleFromBits = new(HelperOwner.WasmRuntime, "SingleFromBits", "fi");
    public static readonly RuntimeHelper MemoryBarrier = new(HelperOwner.Interlocked, "MemoryBarrier", "v");
    private static readonly RuntimeHelper ReadBarrier = new(HelperOwner.Volatile, "ReadBarrier", "v");
    private static readonly RuntimeHelper WriteBarrier = new(HelperOwner.Volatile, "WriteBarrier", "v");
    private static readonly Dictionary<WasmOpcode, RuntimeHelper> ByOpcode = new()
    {
        [WasmOpcode.I32Clz] = new(HelperOwner.BitOperations, "LeadingZeroCount", "iu"),
        [WasmOpcode.I32Ctz] = new(HelperOwner.BitOperations, "TrailingZeroCount", "iu"),
        [WasmOpcode.I32Popcnt] = new(HelperOwner.BitOperations, "PopCount", "iu"),
        [WasmOpcode.I64Clz] = new(HelperOwner.BitOperations, "LeadingZeroCount", "iU"),
        [WasmOpcode.I64Ctz] = new(HelperOwner.BitOperations, "TrailingZeroCount", "iU"),
        [WasmOpcode.I64Popcnt] = new(HelperOwner.BitOperations, "PopCount", "iU"),
        [WasmOpcode.F32Abs] = new(HelperOwner.MathF, "Abs", "ff"),
        [WasmOpcode.F32Ceil] = new(HelperOwner.MathF, "Ceiling", "ff"),
        [WasmOpcode.F32Floor] = new(HelperOwner.MathF, "Floor", "ff"),
        [WasmOpcode.F32Trunc] = new(HelperOwner.MathF, "Truncate", "ff"),
        [WasmOpcode.F32Nearest] = new(HelperOwner.MathF, "Round", "ff"),
        [WasmOpcode.F32Sqrt] = new(HelperOwner.MathF, "Sqrt", "ff"),
        [WasmOpcode.F32Min] = new(HelperOwner.WasmRuntime, "Min", "fff"),
        [WasmOpcode.F32Max] = new(HelperOwner.WasmRuntime, "Max", "fff"),
        [WasmOpcode.F32Copysign] = new(HelperOwner.MathF, "CopySign", "fff"),
        [WasmOpcode.F64Abs] = new(HelperOwner.Math, "Abs", "dd"),
        [WasmOpcode.F64Ceil] = new(HelperOwner.Math, "Ceiling", "dd"),
        [WasmOpcode.F64Floor] = new(HelperOwner.Math, "Floor", "dd"),
        [WasmOpcode.F64Trunc] = new(HelperOwner.Math, "Truncate", "dd"),
        [WasmOpcode.F64Nearest] = new(HelperOwner.Math, "Round", "dd"),
        [WasmOpcode.F64Sqrt] = new(HelperOwner.Math, "Sqrt", "dd"),
        [WasmOpcode.F64Min] = new(HelperOwner.WasmRuntime, "Min", "ddd"),
        [WasmOpcode.F64Max] = new(HelperOwner.WasmRuntime, "Max", "ddd"),
        [WasmOpcode.F64Copysign] = new(HelperOwner.Math, "CopySign", "ddd"),
        [WasmOpcode.I32ReinterpretF32] = new(HelperOwner.BitConverter, "SingleToInt32Bits", "if"),
        [WasmOpcode.I64ReinterpretF64] = new(HelperOwner.BitConverter, "DoubleToInt64Bits", "jd"),
        [WasmOpcode.F32ReinterpretI32] = new(HelperOwner.BitConverter, "Int32BitsToSingle", "fi"),
        [WasmOpcode.F64ReinterpretI64] = new(HelperOwner.BitConverter, "Int64BitsToDouble", "dj"),
    };

    /// <summary>A rotation. Opaque ones are calls the JIT does not see into.</summary>
    public static RuntimeHelper Rotate(WasmType type, bool left, bool opaque) =>
        new(opaque ? HelperOwner.WasmRuntime : HelperOwner.BitOperations, left ? "RotateLeft" : "RotateRight", type == WasmType.I32 ? "uui" : "UUi");

    /// <summary>An atomic operation that the CLI has: Exchange of any width; Add (returns the new value), And and Or (the old one) of 32 and 64 bits.</summary>
    public static RuntimeHelper Atomic(AtomicOperation operation, int bits) =>
        new(HelperOwner.Interlocked, operation.ToString(), $"{Letter(bits)}{char.ToUpperInvariant(Letter(bits))}{Letter(bits)}");

    /// <summary>Compare-and-exchange: address, new value, expected value.</summary>
    public static RuntimeHelper AtomicCompareExchange(int bits) =>
        new(HelperOwner.Interlocked, "CompareExchange", $"{Letter(bits)}{char.ToUpperInvariant(Letter(bits))}{Letter(bits)}{Letter(bits)}");

    /// <summary>Any other atomic operation: address, operand, <see cref="AtomicOperation"/>; returns the old value.</summary>
    public static RuntimeHelper AtomicUpdate(int bits) => new(HelperOwner.WasmRuntime, "AtomicUpdate", bits == 64 ? "jJji" : $"i{char.ToUpperInvariant(Letter(bits))}ii");

    private static char Letter(int bits) => bits switch { 8 => 'b', 16 => 'w', 32 => 'i', _ => 'j' };

    /// <summary>The barrier that is put in the place of a call of this import, or null.</summary>
    public static RuntimeHelper? Barrier(string import) => import switch
    {
        AtomicInstructions.ReadBarrier => ReadBarrier,
        AtomicInstructions.WriteBarrier => WriteBarrier,
        _ => null,
    };

    /// <summary>The helper that is exactly this instruction, if there is one.</summary>
    public static RuntimeHelper? For(WasmOpcode opcode) => ByOpcode.GetValueOrDefault(opcode);
}

/// <summary>The types that declare helpers.</summary>
internal enum HelperOwner
{
    WasmRuntime,
    BitOperations,
    Math,
    MathF,
    BitConverter,
    Interlocked,
    Volatile,
}
