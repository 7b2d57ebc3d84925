using System.Reflection.Metadata;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>Accelerated loops (<see cref="LoopAcceleration"/>): a host call at the loop's head moves some locals on.</summary>
internal sealed partial class FunctionTranslator
{
    private int acceleratedPosition = -1; // behind the opcode of the accelerated loop; -1: none

    /// <summary>In a region split off a function no loop is accelerated: the patch then stays unmatched, which is reported.</summary>
    private void StartAcceleration() => acceleratedPosition = patches?.Accelerated is { } found ? FindLoop(found.Patch.Loop) : -1;

    /// <summary>At the head of the accelerated loop.</summary>
    private void CallAccelerator()
    {
        var (patch, host) = patches!.Accelerated!.Value;
        patches.TakeAcceleration();
        Il.LoadArgument(0);
        foreach (int local in patch.Arguments)
        {
            LoadLocal(local);
        }

        Il.Call(context.Locked.Method(host), -patch.Arguments.Count);
        int turns = NewTemp(WasmType.I32);
        Il.StoreLocal(turns);
        foreach (int local in patch.Advanced)
        {
            LoadLocal(local);
            Il.LoadLocal(turns);
            Il.Binary(ILOpCode.Add);
            StoreLocal(local);
        }

        FreeTemp(turns, WasmType.I32);
    }
}
