using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>Which locals each loop of a function writes.</summary>
internal static class LoopWrites
{
    /// <summary>The sets, by the position behind the loop's opcode. Leaves the reader, which is at the first instruction, where it is.</summary>
    public static Dictionary<int, LocalSet> Find(WasmReader reader, int locals)
    {
        var found = new Dictionary<int, LocalSet>();
        var open = new List<LocalSet?>(); // blocks around the position; a loop has a set
        int start = reader.Position;
        while (reader.Position < reader.End)
        {
            var op = reader.Opcode();
            switch (op)
            {
                case WasmOpcode.Loop:
                    open.Add(found[reader.Position] = new LocalSet(locals));
                    reader.SkipImmediates(op);
                    break;
                case WasmOpcode.Block or WasmOpcode.If:
                    open.Add(null);
                    reader.SkipImmediates(op);
                    break;
                case WasmOpcode.End when open.Count > 0:
                    Close(open);
                    break;
                case WasmOpcode.LocalSet or WasmOpcode.LocalTee:
                    int local = reader.Index();
                    if (local < locals)
                    {
                        open.FindLast(l => l is not null)?.Add(local);
                    }

                    break;
                default:
                    reader.SkipImmediates(op);
                    break;
            }
        }

        reader.Position = start;
        return found;
    }

    private static void Close(List<LocalSet?> open)
    {
        var closed = open[^1];
        open.RemoveAt(open.Count - 1);
        if (closed is not null)
        {
            open.FindLast(l => l is not null)?.UnionWith(closed);
        }
    }
}
