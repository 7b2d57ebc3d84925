namespace Pocketgres.Wasm;

/// <summary>The input is not a WebAssembly module, is damaged, or uses a feature the translator does not support.</summary>
public sealed class WasmFormatException : Exception
{
    /// <summary>Creates the exception without a position.</summary>
    public WasmFormatException()
        : this("invalid WebAssembly module", 0)
    {
    }

    /// <inheritdoc cref="WasmFormatException()"/>
    public WasmFormatException(string message)
        : this(message, 0)
    {
    }

    /// <inheritdoc cref="WasmFormatException()"/>
    public WasmFormatException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates the exception for what was found at a byte offset from the start of the module.</summary>
    public WasmFormatException(string message, long offset)
        : base($"{message} (at byte offset 0x{offset:x})") => Offset = offset;

    /// <summary>Byte offset from the start of the module.</summary>
    public long Offset { get; }

    internal static WasmFormatException Unsupported(string feature, long offset) => new($"unsupported WebAssembly feature: {feature}", offset);
}
