using System.Reflection.Metadata;
using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>
/// Resumable loops (<see cref="ResumableLoop"/>): nothing but locals and memory is live at such a loop's head, so storing the locals there is a
/// whole snapshot of the function, and loading them at its entry and branching to the head goes on with it.
/// </summary>
internal sealed partial class FunctionTranslator
{
    private int resumePosition = -1; // behind the opcode of the resumable loop; -1: none
    private int resumeFunction;
    private int resumeLabel;

    private void StartResumable(int function)
    {
        if (patches?.Resumable is not { } patch)
        {
            return;
        }

        resumePosition = FindLoop(patch.Loop);
        if (resumePosition < 0)
        {
            return; // the patch stays unmatched, which is reported
        }

        if (localTypes.Count > InstanceLayout.MaxResumeLocals)
        {
            throw new PatchException([$"{patch.Name}: function {function} has {localTypes.Count} locals, a resume frame holds {InstanceLayout.MaxResumeLocals}"]);
        }

        resumeFunction = function;
        resumeLabel = Il.NewLabel();
        int start = Il.NewLabel();
        LoadSlot(InstanceLayout.ResumeRequest, WasmType.I32);
        Il.Int32Constant(function + 1);
        Il.Branch(ILOpCode.Bne_un, start, -2);
        SlotAddress(InstanceLayout.ResumeRequest);
        Il.Int32Constant(0);
        Il.StoreIndirect(ILOpCode.Stind_i4);
        SlotAddress(InstanceLayout.StackPointer);
        LoadSlot(InstanceLayout.ResumeStackPointer, WasmType.I32);
        Il.StoreIndirect(ILOpCode.Stind_i4);
        for (int i = 0; i < localTypes.Count; i++)
        {
            LoadSlot(InstanceLayout.ResumeLocals + (8 * i), localTypes[i]);
            StoreLocal(i);
        }

        Il.Jump(resumeLabel);
        Il.Mark(start);
    }

    /// <summary>At the head of the resumable loop, with nothing on the operand stack.</summary>
    private void SaveAtResumableLoop()
    {
        var patch = patches!.Resumable!;
        if (pending.Count > 0)
        {
            throw new PatchException([$"{patch.Name}: {pending.Count} values lie on the operand stack at loop {patch.Loop}"]);
        }

        patches.TakeResumable();
        Il.Mark(resumeLabel);
        SlotAddress(InstanceLayout.ResumeFunction);
        Il.Int32Constant(resumeFunction + 1);
        Il.StoreIndirect(ILOpCode.Stind_i4);
        SlotAddress(InstanceLayout.ResumeStackPointer);
        LoadSlot(InstanceLayout.StackPointer, WasmType.I32);
        Il.StoreIndirect(ILOpCode.Stind_i4);
        for (int i = 0; i < localTypes.Count; i++)
        {
            SlotAddress(InstanceLayout.ResumeLocals + (8 * i));
            LoadLocal(i);
            Il.StoreIndirect(StoreOf(localTypes[i]));
        }
    }

    private void LoadSlot(int slot, WasmType of)
    {
        SlotAddress(slot);
        Il.Unary(LoadOf(of));
    }

    private int FindLoop(int ordinal)
    {
        int start = reader.Position, found = -1;
        while (found < 0 && reader.Position < reader.End)
        {
            var op = reader.Opcode();
            if (op == WasmOpcode.Loop && ordinal-- == 0)
            {
                found = reader.Position;
            }

            reader.SkipImmediates(op);
        }

        reader.Position = start;
        return found;
    }
}
