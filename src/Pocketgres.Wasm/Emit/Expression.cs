using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>
/// A value on WebAssembly's operand stack that has not been computed yet. Expressions are emitted when a statement consumes them;
/// before a statement that could change their value, or must come after their side effects, they are spilled to a temporary.
/// </summary>
internal sealed class Expression
{
    /// <summary>The value is in the temporary <see cref="Immediate"/>, which is free again once the expression is emitted.</summary>
    public const WasmOpcode Temporary = (WasmOpcode)0x10000;

    /// <summary>A call of <see cref="Host"/>.</summary>
    public const WasmOpcode HostCall = (WasmOpcode)0x10001;

    private static readonly Expression[] NoArguments = [];

    public Expression(WasmOpcode opcode, WasmType type, Expression? a = null, Expression? b = null, Expression? c = null)
    {
        Opcode = opcode;
        Type = type;
        A = a;
        B = b;
        C = c;
        Inherit(a);
        Inherit(b);
        Inherit(c);
    }

    public WasmOpcode Opcode { get; }

    public WasmType Type { get; }

    public Expression? A { get; }

    public Expression? B { get; }

    public Expression? C { get; }

    /// <summary>Arguments of a call (an indirect call has its table index in <see cref="A"/>, evaluated after them).</summary>
    public Expression[] Arguments { get; private set; } = NoArguments;

    /// <summary>Constant (bits of floats), local or function or type index, static offset, or number of the temporary.</summary>
    public long Immediate { get; init; }

    /// <summary>The function of a <see cref="HostCall"/>.</summary>
    public HostFunction? Host { get; private init; }

    /// <summary>Locals the expression reads: bit (index mod 64), so more than 64 locals may share a bit.</summary>
    public ulong LocalsRead { get; set; }

    /// <summary>Locals the expression writes (<c>local.tee</c>).</summary>
    public ulong LocalsWritten { get; set; }

    /// <summary>Reads linear memory, a mutable global or other state of the instance.</summary>
    public bool ReadsMemory { get; set; }

    /// <summary>May change that state.</summary>
    public bool WritesMemory { get; set; }

    /// <summary>May fault (integer division), so it must neither be dropped nor moved past other effects.</summary>
    public bool MayTrap { get; set; }

    public bool HasSideEffects => WritesMemory || LocalsWritten != 0 || MayTrap;

    public bool IsConstant => Opcode is >= WasmOpcode.I32Const and <= WasmOpcode.F64Const;

    /// <summary>Emitting it later changes nothing, whatever happens in between.</summary>
    public bool IsSettled => IsConstant || Opcode == Temporary;

    public static ulong LocalBit(int local) => 1UL << (local & 63);

    public static Expression Int32(int value) => new(WasmOpcode.I32Const, WasmType.I32) { Immediate = value };

    public static Expression Local(int index, WasmType type) =>
        new(WasmOpcode.LocalGet, type) { Immediate = index, LocalsRead = LocalBit(index) };

    public static Expression Temp(int index, WasmType type) => new(Temporary, type) { Immediate = index };

    /// <summary>A call: reads and writes memory, and inherits the effects of its arguments.</summary>
    public static Expression Call(WasmOpcode opcode, WasmType result, int index, Expression[] arguments, Expression? tableIndex = null) =>
        new Expression(opcode, result, tableIndex) { Immediate = index }.WithArguments(arguments);

    public static Expression CallHost(HostFunction host, params Expression[] arguments) =>
        new Expression(HostCall, WasmTypeExtensions.FromLetter(host.Signature[0])) { Host = host }.WithArguments(arguments);

    private Expression WithArguments(Expression[] arguments)
    {
        Arguments = arguments;
        foreach (var argument in arguments)
        {
            Inherit(argument);
        }

        ReadsMemory = WritesMemory = true;
        return this;
    }

    private void Inherit(Expression? operand)
    {
        if (operand is not null)
        {
            LocalsRead |= operand.LocalsRead;
            LocalsWritten |= operand.LocalsWritten;
            ReadsMemory |= operand.ReadsMemory;
            WritesMemory |= operand.WritesMemory;
            MayTrap |= operand.MayTrap;
        }
    }
}
