using System.Reflection.Metadata;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>Blocks and branches.</summary>
internal sealed partial class FunctionTranslator
{
    private ControlFrame Target()
    {
        int depth = reader.Index();
        if (parentFrames is not null && depth >= frames.Count - 1)
        {
            // Exits were checked when the region was chosen; frames[0] stands for the function.
            return OuterFrame(parentFrames[parentFrames.Count - 1 - (depth - (frames.Count - 1))]);
        }

        return depth < frames.Count ? frames[frames.Count - 1 - depth] : throw Malformed($"branch depth {depth} exceeds the open blocks");
    }

    private void BeginBlock(WasmOpcode op)
    {
        bool resumable = op == WasmOpcode.Loop && reader.Position == resumePosition;
        int position = reader.Position;
        var result = reader.BlockResult(context.Module);
        Blocks++;
        var condition = op == WasmOpcode.If ? Pop() : null;
        SpillAll();
        int elseLabel = condition is null ? -1 : Il.NewLabel();
        var kind = op switch
        {
            WasmOpcode.Block => FrameKind.Block,
            WasmOpcode.Loop => FrameKind.Loop,
            _ => FrameKind.If,
        };
        var frame = new ControlFrame(kind, result, pending.Count, Il.NewLabel()) { ElseLabel = elseLabel };
        if (result != WasmType.None)
        {
            frame.ResultTemp = NewTemp(result);
        }

        if (kind == FrameKind.Loop)
        {
            Il.Mark(frame.Label);
            ArriveAtLoop(position);
            if (resumable)
            {
                below4G?.Clear(); // a resume frame holds anything
                SaveAtResumableLoop();
            }

            LookAtLoop(position);
        }

        if (condition is not null)
        {
            BranchOn(condition, elseLabel, sense: false);
            Arrive(frame, atElse: true);
        }

        frames.Add(frame);
        TryOutline();
    }

    private void BeginElse()
    {
        var frame = frames[^1];
        if (frame.Kind != FrameKind.If || frame.HasElse)
        {
            throw Malformed("else without if");
        }

        if (live)
        {
            TakeResult(frame);
            frame.Used = true;
            Arrive(frame);
            Il.Jump(frame.Label);
        }

        DropAbove(frame);
        Il.Mark(frame.ElseLabel);
        Meet(frame.Below4GAtElse, fallsThrough: false);
        frame.HasElse = true;
        live = true;
        TryOutline();
    }

    private void EndBlock()
    {
        var frame = frames[^1];
        if (frame.Kind == FrameKind.Function)
        {
            if (live)
            {
                if (frame.Result != WasmType.None)
                {
                    Emit(Pop());
                }

                RequireEmpty(frame);
                Il.Return();
            }

            frames.Clear();
            return;
        }

        bool reachable = live;
        if (live)
        {
            TakeResult(frame);
            RequireEmpty(frame);
        }

        frames.RemoveAt(frames.Count - 1);
        DropAbove(frame);
        if (frame.Kind == FrameKind.If && !frame.HasElse)
        {
            if (frame.Result != WasmType.None)
            {
                throw Malformed("if with a result but without else");
            }

            Il.Mark(frame.ElseLabel);
            Meet(frame.Below4GAtElse, reachable);
            reachable = true;
        }

        if (frame.Kind != FrameKind.Loop)
        {
            Il.Mark(frame.Label);
            Meet(frame.Below4GAtLabel, reachable);
            reachable |= frame.Used;
        }

        live = reachable;
        deadDepth = 0;
        if (frame.Result != WasmType.None)
        {
            if (live)
            {
                Push(Expression.Temp(frame.ResultTemp, frame.Result));
            }
        }
        else if (live)
        {
            TryOutline();
        }
    }

    private void RequireEmpty(ControlFrame frame)
    {
        if (pending.Count > frame.Height)
        {
            throw Malformed("values left on the operand stack at the end of a block");
        }
    }

    private void DropAbove(ControlFrame frame) => pending.RemoveRange(frame.Height, pending.Count - frame.Height);

    /// <summary>Moves the topmost value to where the frame's result is expected.</summary>
    private void TakeResult(ControlFrame frame)
    {
        if (frame.Result != WasmType.None)
        {
            var value = Pop();
            SpillConflicts(value);
            Emit(value);
            Il.StoreLocal(frame.ResultTemp);
        }
    }

    private void Unreachable()
    {
        SpillEffects(0);
        ThrowUnreachable();
        BecomeDead();
    }

    private void ThrowUnreachable()
    {
        Il.Call(context.Emitter.Helper(RuntimeHelper.Unreachable), 1);
        Il.Throw();
    }

    /// <summary>An unconditional branch, or a return.</summary>
    private void Branch(ControlFrame target)
    {
        bool carriesValue = target.BranchType != WasmType.None;
        SpillEffects(carriesValue ? 1 : 0);
        if (target.Kind == FrameKind.Function)
        {
            if (carriesValue)
            {
                var value = Pop();
                SpillConflicts(value);
                Emit(value);
            }

            Il.Return();
        }
        else
        {
            if (carriesValue)
            {
                TakeResult(target);
            }

            target.Used = true;
            Arrive(target);
            Il.Jump(target.Label);
        }

        BecomeDead();
    }

    private void BranchIf(ControlFrame target)
    {
        var condition = Pop();
        if (target.BranchType != WasmType.None)
        {
            // The value stays on the operand stack if the branch is not taken, so it must be settled.
            Push(condition);
            SpillAll();
            condition = Pop();
            var value = Pop();
            Push(value);
            int notTaken = Il.NewLabel();
            BranchOn(condition, notTaken, sense: false);
            EmitSettled(value);
            if (target.Kind == FrameKind.Function)
            {
                Il.Return();
            }
            else
            {
                Il.StoreLocal(target.ResultTemp);
                target.Used = true;
                Arrive(target);
                Il.Jump(target.Label);
            }

            Il.Mark(notTaken);
            return;
        }

        SpillConflicts(condition);
        if (target.Kind == FrameKind.Function)
        {
            int notTaken = Il.NewLabel();
            BranchOn(condition, notTaken, sense: false);
            Il.Return();
            Il.Mark(notTaken);
        }
        else
        {
            target.Used = true;
            BranchOn(condition, target.Label, sense: true);
            Arrive(target);
        }
    }

    private void BranchTable()
    {
        int count = reader.Count();
        var targets = new ControlFrame[count + 1];
        for (int i = 0; i <= count; i++)
        {
            targets[i] = Target();
        }

        var index = Pop();
        if (targets[count].BranchType != WasmType.None)
        {
            Push(index);
            SpillAll();
            index = Pop();
            var value = Pop();
            foreach (var target in targets.Distinct())
            {
                if (target.ResultTemp < 0)
                {
                    target.ResultTemp = NewTemp(target.Result);
                }

                EmitSettled(value);
                Il.StoreLocal(target.ResultTemp);
            }

            Discard(value);
        }
        else
        {
            SpillConflicts(index);
        }

        int returnLabel = -1;
        var labels = new int[count + 1];
        for (int i = 0; i <= count; i++)
        {
            if (targets[i].Kind == FrameKind.Function)
            {
                labels[i] = returnLabel = returnLabel < 0 ? Il.NewLabel() : returnLabel;
            }
            else
            {
                targets[i].Used = true;
                labels[i] = targets[i].Label;
            }
        }

        Emit(index);
        foreach (var target in targets.Distinct())
        {
            Arrive(target);
        }

        Il.Switch(labels.AsSpan(0, count));
        Il.Jump(labels[count]);
        if (returnLabel >= 0)
        {
            Il.Mark(returnLabel);
            if (type.Result != WasmType.None)
            {
                Il.LoadLocal(frames[0].ResultTemp);
            }

            Il.Return();
        }

        Blocks += count;
        BecomeDead();
    }

    /// <summary>Emits a constant or temporary that remains in use.</summary>
    private void EmitSettled(Expression value)
    {
        if (value.Opcode == Expression.Temporary)
        {
            Il.LoadLocal((int)value.Immediate);
        }
        else
        {
            Emit(value);
        }
    }

    /// <summary>Branches if the condition is non-zero (or zero, without <paramref name="sense"/>), fused with a comparison.</summary>
    private void BranchOn(Expression condition, int label, bool sense)
    {
        while (condition.Opcode == WasmOpcode.I32Eqz)
        {
            condition = condition.A!;
            sense = !sense;
        }

        if (condition.Opcode == WasmOpcode.I64Eqz)
        {
            Emit(condition.A!);
            Il.Branch(sense ? ILOpCode.Brfalse : ILOpCode.Brtrue, label, -1);
        }
        else if (Comparison.Of(condition.Opcode) is { } comparison)
        {
            Emit(condition.A!);
            Emit(condition.B!);
            Il.Branch(sense ? comparison.BranchIfTrue : comparison.BranchIfFalse, label, -2);
        }
        else
        {
            Emit(condition);
            Il.Branch(sense ? ILOpCode.Brtrue : ILOpCode.Brfalse, label, -1);
        }
    }
}
