namespace Pocketgres.Wasm.Reading;

/// <summary>A value type, by its code in the binary format; <see cref="None"/> is the absence of a result.</summary>
internal enum WasmType : byte
{
    None = 0,
    F64 = 0x7c,
    F32 = 0x7d,
    I64 = 0x7e,
    I32 = 0x7f,
}

/// <summary>A function's type. At most one result: multi-value is not supported.</summary>
internal sealed class FunctionType
{
    public FunctionType(WasmType[] parameters, WasmType result)
    {
        Parameters = parameters;
        Result = result;
        Signature = string.Create(parameters.Length + 1, this, static (span, t) =>
        {
            span[0] = t.Result.Letter();
            for (int i = 0; i < t.Parameters.Length; i++)
            {
                span[i + 1] = t.Parameters[i].Letter();
            }
        });
    }

    public WasmType[] Parameters { get; }

    public WasmType Result { get; }

    /// <summary>Result letter, then parameter letters: <c>iij</c> is <c>(i32, i64) -> i32</c>.</summary>
    public string Signature { get; }

    /// <summary>Change of the IL stack when a method of this type is called with its memory argument and parameters on it.</summary>
    public int CallStackDelta => (Result == WasmType.None ? 0 : 1) - (Parameters.Length + 1);
}

internal static class WasmTypeExtensions
{
    public static char Letter(this WasmType type) => type switch
    {
        WasmType.None => 'v',
        WasmType.I32 => 'i',
        WasmType.I64 => 'j',
        WasmType.F32 => 'f',
        _ => 'd',
    };

    public static WasmType FromLetter(char letter) => letter switch
    {
        'i' => WasmType.I32,
        'j' => WasmType.I64,
        'f' => WasmType.F32,
        'd' => WasmType.F64,
        _ => WasmType.None,
    };

    /// <summary>Reads a value type or fails with the name of the feature it belongs to.</summary>
    public static WasmType ValueType(this WasmReader reader)
    {
        int at = reader.Position;
        byte code = reader.Byte();
        return code switch
        {
            0x7c or 0x7d or 0x7e or 0x7f => (WasmType)code,
            0x7b => throw WasmFormatException.Unsupported("SIMD (v128 values)", at),
            0x70 or 0x6f => throw WasmFormatException.Unsupported("reference-typed values", at),
            _ => throw new WasmFormatException($"invalid value type 0x{code:x2}", at),
        };
    }
}
