namespace Pocketgres.Wasm;

/// <summary>What orders memory in a module: the threads proposal's instructions, and the imports that stand for barriers. Names are those of the text format.</summary>
public static class AtomicInstructions
{
    /// <summary>Import that is a barrier between loads.</summary>
    public const string ReadBarrier = "pocket_read_barrier";

    /// <summary>Import that is a barrier between stores.</summary>
    public const string WriteBarrier = "pocket_write_barrier";

    private const int FormsOfAnAccess = 7;
    private static readonly string[] Operations = ["load", "store", "add", "sub", "and", "or", "xor", "xchg", "cmpxchg"];
    private static readonly string[] Types = ["i32", "i64", "i32", "i32", "i64", "i64", "i64"];
    private static readonly string[] Widths = ["", "", "8", "16", "8", "16", "32"];

    private static readonly Dictionary<WasmOpcode, string> Names = Enum.GetValues<WasmOpcode>().Where(op => op >= WasmOpcode.AtomicNotify).ToDictionary(op => op, NameOf);

    /// <summary>Every name there is.</summary>
    public static IReadOnlyList<string> All { get; } = [.. Names.Values, ReadBarrier, WriteBarrier];

    /// <summary>The name of an instruction with the prefix 0xfe.</summary>
    public static string Name(WasmOpcode opcode) => Names[opcode];

    private static string NameOf(WasmOpcode opcode)
    {
        if (opcode < WasmOpcode.I32AtomicLoad)
        {
            return opcode switch
            {
                WasmOpcode.AtomicNotify => "memory.atomic.notify",
                WasmOpcode.AtomicWait32 => "memory.atomic.wait32",
                WasmOpcode.AtomicWait64 => "memory.atomic.wait64",
                _ => "atomic.fence",
            };
        }

        var (operation, form) = Math.DivRem(opcode - WasmOpcode.I32AtomicLoad, FormsOfAnAccess);
        var (type, width, name) = (Types[form], Widths[form], Operations[operation]);
        string unsigned = width.Length > 0 && name != "store" ? "_u" : "";
        return operation < 2 ? $"{type}.atomic.{name}{width}{unsigned}" : $"{type}.atomic.rmw{width}.{name}{unsigned}";
    }
}
