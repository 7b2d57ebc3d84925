using System.Reflection.Metadata;
using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>
/// Comparisons of the thread's stack pointer, as the address of a local that is used for nothing else, with limits below <c>m</c>
/// (<see cref="RecursionFacts"/>, <see cref="StackDepthCheck"/>). Four instructions where the stack is deep enough. Also looks for interrupts where there is no such comparison.
/// </summary>
internal sealed partial class FunctionTranslator
{
    private IReadOnlySet<int> lookingLoops = new HashSet<int>();

    /// <summary>At the function's entry.</summary>
    private void CheckStack(int function)
    {
        if (context.Recursion.IsBounded(function))
        {
            int enough = BranchIfAbove(InstanceLayout.StackLimit);
            Il.LoadArgument(0);
            Il.Int32Constant((int)context.Interrupts.PlaceIn(function));
            Il.Call(context.Emitter.Helper(RuntimeHelper.StackLimitReached), -2);
            Il.Mark(enough);
        }

        if (context.Interrupts.IsErrorPoint(function))
        {
            LookForInterrupts(InterruptPlace.ErrorPoint);
        }

        if (patches?.TakeDepthCheck() is not { } check)
        {
            return;
        }

        int shallow = BranchIfAbove(InstanceLayout.StackDepthLimit);
        if (check.Host is { } host)
        {
            Il.LoadArgument(0);
            Il.Call(context.Locked.Method(host), -1);
        }
        else
        {
            Il.Int32Constant(check.Patch.Result!.Value);
            Il.Return();
        }

        Il.Mark(shallow);
    }

    /// <summary>At the head of a loop, whose opcode ends at this position.</summary>
    private void LookAtLoop(int position)
    {
        if (lookingLoops.Contains(position))
        {
            LookForInterrupts(context.Interrupts.PlaceInLoops(current));
        }
    }

    /// <summary>Two instructions where nobody wants to interrupt.</summary>
    private void LookForInterrupts(InterruptPlace place)
    {
        int no = Il.NewLabel();
        LoadSlot(place == InterruptPlace.Library ? InstanceLayout.SignalWanted : InstanceLayout.InterruptWanted, WasmType.I32);
        Il.Branch(ILOpCode.Brfalse, no, -1);
        Il.LoadArgument(0);
        Il.Int32Constant((int)place);
        Il.Call(context.Emitter.Helper(RuntimeHelper.Interrupted), -2);
        Il.Mark(no);
        Blocks++;
    }

    private int BranchIfAbove(int limit)
    {
        int above = Il.NewLabel();
        Il.LoadLocalAddress(NewTemp(WasmType.I32));
        Il.Unary(ILOpCode.Conv_u);
        SlotAddress(limit);
        Il.Unary(ILOpCode.Ldind_i);
        Il.Branch(ILOpCode.Bge_un, above, -2);
        return above;
    }
}
