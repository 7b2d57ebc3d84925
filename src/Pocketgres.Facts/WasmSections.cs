using System.Text;

namespace Pocketgres.Facts;

/// <summary>Finds the custom sections of a WebAssembly module, where compilers put debugging information.</summary>
internal static class WasmSections
{
    private static readonly byte[] s_magic = [0, (byte)'a', (byte)'s', (byte)'m', 1, 0, 0, 0];

    /// <summary>The content of each custom section by its name.</summary>
    /// <exception cref="FactsException">This is no module, or it ends early.</exception>
    public static Dictionary<string, ReadOnlyMemory<byte>> Read(ReadOnlyMemory<byte> module)
    {
        if (!module.Span.StartsWith(s_magic))
        {
            throw new FactsException("this is no WebAssembly module of version 1");
        }

        var sections = new Dictionary<string, ReadOnlyMemory<byte>>(StringComparer.Ordinal);
        var reader = new DwarfCursor(module, s_magic.Length);
        while (!reader.AtEnd)
        {
            byte id = reader.U8();
            var content = reader.Bytes(checked((int)reader.Uleb()));
            if (id == 0)
            {
                var custom = new DwarfCursor(content);
                string name = Encoding.UTF8.GetString(custom.Bytes(checked((int)custom.Uleb())).Span);
                sections[name] = content[custom.Position..];
            }
        }

        return sections;
    }
}
