using System.Reflection.Metadata;
using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>
/// Code that runs without the global lock (<see cref="PrivateCode"/>), and all other code, which takes the lock wherever private code could get
/// into it: at entries and after calls. Each such place is a load of a flag below <c>m</c> and a branch that is hardly ever taken.
/// </summary>
internal sealed partial class FunctionTranslator
{
    private int current; // the function that is translated, also in its outlined parts
    private bool isPrivate;

    private void StartPrivateCode(int function)
    {
        current = function;
        isPrivate = context.PrivateCode.IsPrivate(function);
        if (context.PrivateCode.TakesLockAtEntry(function))
        {
            TakeLock();
        }
    }

    /// <summary>Before the arguments of a call are popped: private code takes the lock, after whatever is to be evaluated before the call.</summary>
    private void BeforeCall(int callee)
    {
        if (isPrivate && (!context.PrivateCode.IsPrivate(callee) || patches?.ReplacesCall(callee) == true))
        {
            SpillAll();
            TakeLock();
        }
    }

    /// <summary>As <see cref="Finish"/>, for a call that may return without the lock.</summary>
    private void FinishAndTakeLock(Expression call)
    {
        var result = Complete(call);
        TakeLock();
        PushResult(result);
    }

    /// <summary>As <see cref="Finish"/>, for a call after which a private section begins if one is wanted.</summary>
    private void FinishAndStartSection(Expression call, HostFunction start)
    {
        var result = Complete(call);
        int no = Il.NewLabel();
        LoadSlot(InstanceLayout.PrivateSectionWanted, WasmType.I32);
        Il.Branch(ILOpCode.Brfalse, no, -1);
        Il.LoadArgument(0);
        Il.Call(context.Emitter.Method(start), -1);
        Il.Mark(no);
        PushResult(result);
    }

    private void TakeLock()
    {
        int locked = Il.NewLabel();
        LoadSlot(InstanceLayout.PrivateSection, WasmType.I32);
        Il.Branch(ILOpCode.Brfalse, locked, -1);
        Il.LoadArgument(0);
        Il.Call(context.Emitter.Helper(RuntimeHelper.EndPrivateSection), -1);
        Il.Mark(locked);
    }

    /// <summary>Emits a call as a statement.</summary>
    private Expression? Complete(Expression call)
    {
        SpillConflicts(call);
        Emit(call);
        if (call.Type == WasmType.None)
        {
            return null;
        }

        int temp = NewTemp(call.Type);
        Il.StoreLocal(temp);
        return Expression.Temp(temp, call.Type);
    }

    private void PushResult(Expression? result)
    {
        if (result is not null)
        {
            Push(result);
        }
    }
}
