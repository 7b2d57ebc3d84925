using System.Reflection.Metadata;

namespace Pocketgres.Wasm.Emit;

/// <summary>How a comparison is written in IL: as a branch (either way) or as a value.</summary>
/// <param name="BranchIfTrue">Branch taken when the comparison holds; floats: not when either operand is NaN, except for ne.</param>
/// <param name="BranchIfFalse">Branch taken when it does not hold; floats: also when an operand is NaN.</param>
/// <param name="Value">Opcode that yields the comparison, or its opposite.</param>
/// <param name="Negated"><paramref name="Value"/> is the opposite.</param>
internal sealed record Comparison(ILOpCode BranchIfTrue, ILOpCode BranchIfFalse, ILOpCode Value, bool Negated)
{
    private static readonly Comparison Equal = new(ILOpCode.Beq, ILOpCode.Bne_un, ILOpCode.Ceq, false);
    private static readonly Comparison NotEqual = new(ILOpCode.Bne_un, ILOpCode.Beq, ILOpCode.Ceq, true);

    private static readonly Comparison[] Integer =
    [
        Equal,
        NotEqual,
        new(ILOpCode.Blt, ILOpCode.Bge, ILOpCode.Clt, false),
        new(ILOpCode.Blt_un, ILOpCode.Bge_un, ILOpCode.Clt_un, false),
        new(ILOpCode.Bgt, ILOpCode.Ble, ILOpCode.Cgt, false),
        new(ILOpCode.Bgt_un, ILOpCode.Ble_un, ILOpCode.Cgt_un, false),
        new(ILOpCode.Ble, ILOpCode.Bgt, ILOpCode.Cgt, true),
        new(ILOpCode.Ble_un, ILOpCode.Bgt_un, ILOpCode.Cgt_un, true),
        new(ILOpCode.Bge, ILOpCode.Blt, ILOpCode.Clt, true),
        new(ILOpCode.Bge_un, ILOpCode.Blt_un, ILOpCode.Clt_un, true),
    ];

    // For floats the .un forms mean "or unordered": the opposite of an ordered comparison must be one of them.
    private static readonly Comparison[] Float =
    [
        Equal,
        NotEqual,
        new(ILOpCode.Blt, ILOpCode.Bge_un, ILOpCode.Clt, false),
        new(ILOpCode.Bgt, ILOpCode.Ble_un, ILOpCode.Cgt, false),
        new(ILOpCode.Ble, ILOpCode.Bgt_un, ILOpCode.Cgt_un, true),
        new(ILOpCode.Bge, ILOpCode.Blt_un, ILOpCode.Clt_un, true),
    ];

    /// <summary>The comparison of two operands an instruction makes, or null.</summary>
    public static Comparison? Of(WasmOpcode op) => op switch
    {
        >= WasmOpcode.I32Eq and <= WasmOpcode.I32GeU => Integer[op - WasmOpcode.I32Eq],
        >= WasmOpcode.I64Eq and <= WasmOpcode.I64GeU => Integer[op - WasmOpcode.I64Eq],
        >= WasmOpcode.F32Eq and <= WasmOpcode.F32Ge => Float[op - WasmOpcode.F32Eq],
        >= WasmOpcode.F64Eq and <= WasmOpcode.F64Ge => Float[op - WasmOpcode.F64Eq],
        _ => null,
    };
}
