using Pocketgres.Wasm.Patching;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>
/// What a region of code (up to the end or else that closes the enclosing block) reads, writes and branches to: everything that
/// must be known to move it into a method of its own.
/// </summary>
internal sealed class RegionScan
{
    private readonly Dictionary<int, int> reads = [];
    private readonly HashSet<int> writes = [];
    private readonly HashSet<int> exits = [];
    private readonly Dictionary<int, int> closings = [];

    private RegionScan()
    {
    }

    /// <summary>How often each local is read.</summary>
    public IReadOnlyDictionary<int, int> Reads => reads;

    /// <summary>Locals the region writes.</summary>
    public IReadOnlySet<int> Writes => writes;

    /// <summary>Depths of blocks around the region that it branches to; 0 is the innermost.</summary>
    public IReadOnlySet<int> Exits => exits;

    /// <summary>The region contains a return.</summary>
    public bool Returns { get; private set; }

    /// <summary>Position of the end or else that closes the region.</summary>
    public int End { get; private set; }

    /// <summary>Control may reach the region's end.</summary>
    public bool FallsThrough { get; private set; } = true;

    /// <summary>In a scan of a function: for the position where the inside of each block starts (also after else), where it is closed.</summary>
    public IReadOnlyDictionary<int, int> Closings => closings;

    /// <summary>Scans up to the end or else that closes the block around the reader's position. Leaves the reader where it is.</summary>
    public static RegionScan Region(WasmReader reader, FunctionPatches? patches)
    {
        var scan = new RegionScan();
        scan.Run(reader, patches, wholeFunction: false);
        return scan;
    }

    /// <summary>Scans the rest of a function. Leaves the reader where it is.</summary>
    public static RegionScan Function(WasmReader reader, FunctionPatches? patches)
    {
        var scan = new RegionScan();
        scan.Run(reader, patches, wholeFunction: true);
        return scan;
    }

    private void Run(WasmReader reader, FunctionPatches? patches, bool wholeFunction)
    {
        int start = reader.Position;
        var open = new Stack<int>();
        while (true)
        {
            int at = reader.Position;
            var op = reader.Opcode();
            if (op is WasmOpcode.End or WasmOpcode.Else)
            {
                if (open.Count == 0 && (!wholeFunction || op == WasmOpcode.End))
                {
                    End = at;
                    break;
                }

                if (open.TryPop(out int inside) && wholeFunction)
                {
                    closings[inside] = at;
                }

                if (op == WasmOpcode.Else)
                {
                    open.Push(reader.Position);
                }

                FallsThrough = true;
                continue;
            }

            Instruction(op, reader, patches, open.Count);
            if (op is WasmOpcode.Block or WasmOpcode.Loop or WasmOpcode.If)
            {
                open.Push(reader.Position);
            }

            FallsThrough = open.Count != 0 || op is not (WasmOpcode.Br or WasmOpcode.BrTable or WasmOpcode.Return or WasmOpcode.Unreachable);
        }

        reader.Position = start;
    }

    private void Instruction(WasmOpcode op, WasmReader reader, FunctionPatches? patches, int depth)
    {
        switch (op)
        {
            case WasmOpcode.LocalGet:
                Read(reader.Index());
                break;
            case WasmOpcode.LocalSet or WasmOpcode.LocalTee:
                writes.Add(reader.Index());
                break;
            case WasmOpcode.Br or WasmOpcode.BrIf:
                Exit(reader.Index() - depth);
                break;
            case WasmOpcode.BrTable:
                for (int n = reader.Count(); n >= 0; n--)
                {
                    Exit(reader.Index() - depth);
                }

                break;
            case WasmOpcode.Return:
                Returns = true;
                break;
            case WasmOpcode.Call:
                reader.Index();
                break;
            default:
                reader.SkipImmediates(op);
                break;
        }
    }

    private void Read(int local) => reads[local] = reads.GetValueOrDefault(local) + 1;

    private void Exit(int depth)
    {
        if (depth >= 0)
        {
            exits.Add(depth);
        }
    }
}
