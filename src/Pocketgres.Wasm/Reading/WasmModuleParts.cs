namespace Pocketgres.Wasm.Reading;

/// <summary>What an import or export is.</summary>
internal enum ExternalKind
{
    Function = 0,
    Table = 1,
    Memory = 2,
    Global = 3,
}

/// <summary>A stretch of the module's bytes.</summary>
internal readonly record struct ByteRange(int Start, int Length)
{
    public int End => Start + Length;
}

internal sealed record FunctionImport(string Module, string Name, int Type);

internal sealed record WasmExport(string Name, ExternalKind Kind, int Index);

/// <summary>A constant expression: <c>[global.get Global] + Value</c>; <see cref="Global"/> is -1 if there is none.</summary>
/// <param name="Global">Index of the imported global whose value is added, or -1.</param>
/// <param name="Value">The constant; the bits of a float.</param>
internal readonly record struct ConstantExpression(int Global, long Value);

internal sealed record WasmGlobal(WasmType Type, bool Mutable)
{
    /// <summary>Module and name of an import; null for a defined global.</summary>
    public string? ImportModule { get; init; }

    public string Name { get; init; } = "";

    public ConstantExpression Initial { get; init; }

    public bool IsImported => ImportModule is not null;
}

/// <summary>An active element segment of table 0.</summary>
internal sealed record ElementSegment(ConstantExpression Offset, int[] Functions, int Position);

/// <summary>An active data segment of memory 0.</summary>
internal sealed record DataSegment(ConstantExpression Offset, ByteRange Contents);
