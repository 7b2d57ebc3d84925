using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Patching;

/// <summary>Reads the declaration of a function's locals, at the start of its body.</summary>
internal static class FunctionLocals
{
    /// <summary>Limit of the CLI: local and argument indexes are 16 bits wide.</summary>
    private const int MaxLocals = 65000;

    /// <summary>Reads the declaration at the reader's position and leaves the reader at the first instruction.</summary>
    public static List<WasmType> Read(WasmReader reader, FunctionType type)
    {
        var types = new List<WasmType>(type.Parameters);
        for (int groups = reader.Count(); groups > 0; groups--)
        {
            int at = reader.Position;
            uint count = reader.U32();
            var local = reader.ValueType();
            if (types.Count + (long)count > MaxLocals)
            {
                throw WasmFormatException.Unsupported($"more than {MaxLocals} locals in a function", at);
            }

            types.AddRange(Enumerable.Repeat(local, (int)count));
        }

        return types;
    }
}
