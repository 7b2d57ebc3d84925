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
    private readonly List<int> exits = [];

    private RegionScan()
    {
    }

    /// <summary>How often each local is read.</summary>
    public IReadOnlyDictionary<int, int> Reads => reads;

    /// <summary>Locals the region writes.</summary>
    public IReadOnlySet<int> Writes => writes;

    /// <summary>Depths of blocks around the region that it branches to; 0 is the innermost.</summary>
    public IReadOnlyList<int> Exits => exits;

    /// <summary>The region contains a return.</summary>
    public bool Returns { get; private set; }

    /// <summary>Position of the end or else that closes the region.</summary>
    public int End { get; private set; }

    /// <summary>Control may reach the region's end.</summary>
    public bool FallsThrough { get; private set; } = true;

    /// <summary>Scans from the reader's position, which is left unchanged; null if the region is longer than <paramref name="maximum"/> bytes.</summary>
    public static RegionScan? Region(WasmReader reader, FunctionPatches? patches, int maximum) => Scan(reader, patches, maximum, wholeFunction: false);

    /// <summary>Scans the rest of a function.</summary>
    public static RegionScan Function(WasmReader reader, FunctionPatches? patches) => Scan(reader, patches, int.MaxValue, wholeFunction: true)!;

    private static RegionScan? Scan(WasmReader reader, FunctionPatches? patches, int maximum, bool wholeFunction)
    {
        var scan = new RegionScan();
        int start = reader.Position;
        int depth = 0;
        bool fits = true;
        while (true)
        {
            int at = reader.Position;
            if (at - start > maximum)
            {
                fits = false;
                break;
            }

            var op = reader.Opcode();
            if (op is WasmOpcode.End or WasmOpcode.Else)
            {
                if (depth == 0 && (!wholeFunction || op == WasmOpcode.End))
                {
                    scan.End = at;
                    break;
                }

                depth -= op == WasmOpcode.End ? 1 : 0;
                scan.FallsThrough = true;
                continue;
            }

            scan.Instruction(op, reader, patches, depth);
            depth += op is WasmOpcode.Block or WasmOpcode.Loop or WasmOpcode.If ? 1 : 0;
            scan.FallsThrough = depth != 0 || op is not (WasmOpcode.Br or WasmOpcode.BrTable or WasmOpcode.Return or WasmOpcode.Unreachable);
        }

        reader.Position = start;
        return fits ? scan : null;
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
                int callee = reader.Index();
                foreach (int local in patches?.LocalsReadByCall(callee) ?? [])
                {
                    Read(local);
                }

                break;
            default:
                reader.SkipImmediates(op);
                break;
        }
    }

    private void Read(int local) => reads[local] = reads.GetValueOrDefault(local) + 1;

    private void Exit(int depth)
    {
        if (depth >= 0 && !exits.Contains(depth))
        {
            exits.Add(depth);
        }
    }
}
