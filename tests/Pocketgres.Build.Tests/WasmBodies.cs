namespace Pocketgres.Build.Tests;

/// <summary>Finds a function's body in a module's bytes, to damage it. Knows just enough of the binary format for that.</summary>
internal static class WasmBodies
{
    public static (int Start, int Length) Find(ReadOnlySpan<byte> module, int function)
    {
        int imports = 0;
        for (int position = 8; position < module.Length;)
        {
            byte section = module[position++];
            int size = ReadUnsigned(module, ref position);
            int end = position + size;
            if (section == 2)
            {
                imports = CountFunctionImports(module, position);
            }
            else if (section == 10)
            {
                _ = ReadUnsigned(module, ref position);
                for (int index = imports; ; index++)
                {
                    int length = ReadUnsigned(module, ref position);
                    if (index == function)
                    {
                        return (position, length);
                    }

                    position += length;
                }
            }

            position = end;
        }

        throw new InvalidDataException("no code section");
    }

    private static int CountFunctionImports(ReadOnlySpan<byte> module, int position)
    {
        int functions = 0;
        for (int n = ReadUnsigned(module, ref position); n > 0; n--)
        {
            SkipName(module, ref position);
            SkipName(module, ref position);
            switch (module[position++])
            {
                case 0:
                    functions++;
                    _ = ReadUnsigned(module, ref position);
                    break;
                case 1:
                    position++;
                    SkipLimits(module, ref position);
                    break;
                case 2:
                    SkipLimits(module, ref position);
                    break;
                default:
                    position += 2;
                    break;
            }
        }

        return functions;
    }

    private static void SkipName(ReadOnlySpan<byte> module, ref int position)
    {
        int length = ReadUnsigned(module, ref position);
        position += length;
    }

    private static void SkipLimits(ReadOnlySpan<byte> module, ref int position)
    {
        byte flags = module[position++];
        _ = ReadUnsigned(module, ref position);
        if ((flags & 1) != 0)
        {
            _ = ReadUnsigned(module, ref position);
        }
    }

    private static int ReadUnsigned(ReadOnlySpan<byte> module, ref int position)
    {
        int value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte b = module[position++];
            value |= (b & 0x7F) << shift;
            if (b < 0x80)
            {
                return value;
            }
        }
    }
}
