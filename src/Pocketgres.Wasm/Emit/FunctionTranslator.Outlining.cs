using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>A method that was split off a function.</summary>
internal sealed record OutlinedMethod(byte[] Code, int MaxStack, WasmType[] Locals, string Signature, int Instructions);

/// <summary>
/// Splits functions the JIT would not optimise: the rest of a block becomes a method that takes the locals it reads, returns a code that
/// says where to go on, and leaves the locals it wrote in scratch slots below <c>m</c> (nothing runs between the store and the load).
/// </summary>
internal sealed partial class FunctionTranslator
{
    private const int MaxOutlinedBytes = 9000;

    /// <summary>Locals an outlined method may take, and may hand back.</summary>
    private const int MaxOutlinedLocals = 60;

    // What the whole function reads, and where its blocks end; null while not outlining.
    private RegionScan? whole;
    private int minimumOutlinedBytes;

    // In a region: the frames open around it, and those of them it branches to (a giant has thousands open, a region uses a few).
    private readonly Dictionary<ControlFrame, ControlFrame> outerFrames = [];
    private List<ControlFrame>? parentFrames;

    /// <summary>Methods split off so far.</summary>
    public List<OutlinedMethod> Outlined { get; } = [];

    private void StartOutlining(int minimumBytes)
    {
        Outlined.Clear();
        minimumOutlinedBytes = minimumBytes;
        whole = minimumBytes > 0 ? RegionScan.Function(reader, patches) : null;
    }

    /// <summary>At a point where nothing is pending: moves the rest of the innermost block into a method, if that is possible and worthwhile.</summary>
    private void TryOutline()
    {
        var inner = frames[^1];
        if (whole is null || inner.Kind == FrameKind.Function || inner.Result != WasmType.None || pending.Count != inner.Height)
        {
            return;
        }

        if (whole.Closings.TryGetValue(reader.Position, out int closing))
        {
            inner.Closing = closing; // just entered
        }

        int size = inner.Closing - reader.Position;
        if (resumePosition >= reader.Position && resumePosition < inner.Closing)
        {
            return; // the function itself must contain the loop it enters
        }

        if (size < minimumOutlinedBytes || size > MaxOutlinedBytes)
        {
            return;
        }

        var scan = RegionScan.Region(reader, patches);
        var exits = new List<ControlFrame>();
        bool returns = scan.Returns;
        foreach (int depth in scan.Exits)
        {
            if (depth >= frames.Count)
            {
                throw Malformed($"branch depth {depth} exceeds the open blocks");
            }

            var target = frames[frames.Count - 1 - depth];
            if (target.Kind == FrameKind.Function)
            {
                returns = true;
            }
            else if (target.BranchType != WasmType.None)
            {
                return;
            }
            else
            {
                exits.Add(target);
            }
        }

        // A local written here may be read later on, or earlier in the next round of a loop around: hand back all that are read anywhere.
        int[] results = [.. scan.Writes.Where(whole.Reads.ContainsKey).Order()];
        int[] parameters = [.. scan.Reads.Keys.Union(results).Order()];
        if (parameters.Length > MaxOutlinedLocals || results.Length > MaxOutlinedLocals)
        {
            return;
        }

        var region = new FunctionTranslator(context) { method = context.FullName(ModuleContext.OutlinedType, context.OutlinedName(current, Outlined.Count)) };
        Outlined.Add(region.TranslateRegion(this, scan, parameters, results, exits, returns));
        Calls.AddRange(region.Calls);
        Atomics.AddRange(region.Atomics);
        CallOutlined(scan, parameters, results, exits, returns);
        reader.Position = scan.End;
    }

    /// <summary>In a region: the frame that stands for one of the function the region was taken from.</summary>
    private ControlFrame OuterFrame(ControlFrame parentFrame)
    {
        if (parentFrame.Kind == FrameKind.Function)
        {
            return frames[0];
        }

        if (!outerFrames.TryGetValue(parentFrame, out var frame))
        {
            outerFrames[parentFrame] = frame = new ControlFrame(FrameKind.Outer, WasmType.None, 0, Il.NewLabel());
        }

        return frame;
    }

    private void CallOutlined(RegionScan scan, int[] parameters, int[] results, List<ControlFrame> exits, bool returns)
    {
        Il.LoadArgument(0);
        Array.ForEach(parameters, LoadLocal);
        Il.Call(MetadataTokens.MethodDefinitionHandle(context.NextOutlinedRow + Outlined.Count - 1), -parameters.Length);
        int code = NewTemp(WasmType.I32);
        Il.StoreLocal(code);
        for (int i = 0; i < results.Length; i++)
        {
            SlotAddress(InstanceLayout.OutlineScratch + (8 * i));
            Il.Unary(LoadOf(localTypes[results[i]]));
            StoreLocal(results[i]);
        }

        var labels = exits.ConvertAll(e => e.Label);
        exits.ForEach(e =>
        {
            e.Used = true;
            Arrive(e);
        });
        int returnLabel = returns ? Il.NewLabel() : -1;
        int onward = scan.FallsThrough ? Il.NewLabel() : -1;
        labels.AddRange(((int[])[returnLabel, onward]).Where(l => l >= 0));
        switch (labels.Count)
        {
            case 0:
                ThrowUnreachable();
                break;
            case 2:
                Il.LoadLocal(code);
                Il.Branch(ILOpCode.Brfalse, labels[0], -1);
                break;
            case > 2:
                Il.LoadLocal(code);
                Il.Switch(labels.GetRange(0, labels.Count - 1).ToArray());
                break;
        }

        if (labels.Count > 0)
        {
            Il.Jump(labels[^1]);
        }

        FreeTemp(code, WasmType.I32);
        if (returns)
        {
            Il.Mark(returnLabel);
            if (type.Result != WasmType.None)
            {
                SlotAddress(InstanceLayout.OutlineResult);
                Il.Unary(LoadOf(type.Result));
            }

            Il.Return();
        }

        if (scan.FallsThrough)
        {
            Il.Mark(onward);
        }
        else
        {
            BecomeDead();
        }
    }

    private OutlinedMethod TranslateRegion(
        FunctionTranslator parent, RegionScan scan, int[] parameters, int[] results, List<ControlFrame> exits, bool returns)
    {
        reader = new WasmReader(context.Module.Bytes, parent.reader.Position, parent.reader.End);
        type = parent.type;
        localTypes = parent.localTypes;
        isWide = parent.isWide;
        patches = parent.patches;
        current = parent.current;
        lookingLoops = parent.lookingLoops;
        StartMemory64(parent);
        live = true;
        PlaceLocals(parameters, scan.Writes.Except(parameters));
        int code = NewTemp(WasmType.I32);
        int epilogue = Il.NewLabel();
        int returnValue = type.Result != WasmType.None ? NewTemp(type.Result) : -1;
        frames.Add(new ControlFrame(FrameKind.Outer, type.Result, 0, Il.NewLabel()) { ResultTemp = returnValue });
        parentFrames = parent.frames;
        TranslateUntil(scan.End);

        // Codes are numbered as CallOutlined lists its labels: exits, return, onward.
        int next = 0;
        void Leave()
        {
            Il.Int32Constant(next++);
            Il.StoreLocal(code);
            Il.Jump(epilogue);
        }

        int onward = exits.Count + (returns ? 1 : 0);
        if (live)
        {
            Il.Int32Constant(onward);
            Il.StoreLocal(code);
            Il.Jump(epilogue);
        }

        foreach (var exit in exits)
        {
            Il.Mark(OuterFrame(exit).Label);
            Leave();
        }

        if (returns)
        {
            Il.Mark(frames[0].Label);
            if (returnValue >= 0)
            {
                SlotAddress(InstanceLayout.OutlineResult);
                Il.LoadLocal(returnValue);
                Il.StoreIndirect(StoreOf(type.Result));
            }

            Leave();
        }

        Il.Mark(epilogue);
        for (int i = 0; i < results.Length; i++)
        {
            SlotAddress(InstanceLayout.OutlineScratch + (8 * i));
            LoadLocal(results[i]);
            Il.StoreIndirect(StoreOf(localTypes[results[i]]));
        }

        Il.LoadLocal(code);
        Il.Return();
        Il.ResolveLabels();
        string signature = "i" + string.Concat(parameters.Select(p => localTypes[p].Letter()));
        return new OutlinedMethod(Il.Code.ToArray(), Il.MaxStack + 1, [.. IlLocals], signature, Il.Instructions);
    }
}
