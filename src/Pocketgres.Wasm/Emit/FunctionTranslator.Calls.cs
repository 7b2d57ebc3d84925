using System.Reflection.Metadata;
using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>Calls, and dropping values.</summary>
internal sealed partial class FunctionTranslator
{
    private int current; // the function that is translated, also in its outlined parts
    private string method = ""; // the one that is written, with its namespace and type

    /// <summary>Direct calls of defined functions in the method and in what was split off it.</summary>
    public List<CallSite> Calls { get; } = [];

    private void Call()
    {
        int callee = reader.Index();
        if (callee >= context.Module.FunctionCount)
        {
            throw Malformed($"function {callee} does not exist");
        }

        if (callee < context.Module.ImportedFunctionCount && RuntimeHelper.Barrier(context.Module.FunctionImports[callee].Name) is { } barrier)
        {
            SpillConflicts(true, 0);
            if (!IsLeftOut(context.Module.FunctionImports[callee].Name))
            {
                Il.Call(context.Emitter.Helper(barrier), 0);
            }

            return;
        }

        var calleeType = context.Module.TypeOf(callee);
        var arguments = Pop(calleeType.Parameters.Length);
        Finish(patches?.TakeCall(callee) is { } host
            ? Expression.CallHost(host, arguments)
            : Expression.Call(WasmOpcode.Call, calleeType.Result, callee, arguments));
    }

    private void CallIndirect()
    {
        int at = reader.Position;
        int typeIndex = reader.Index();
        if (typeIndex >= context.Module.Types.Count)
        {
            throw Malformed($"type {typeIndex} does not exist");
        }

        if (reader.U32() != 0)
        {
            throw WasmFormatException.Unsupported("more than one table", at);
        }

        var calleeType = context.Module.Types[typeIndex];
        var tableIndex = Pop();
        var arguments = Pop(calleeType.Parameters.Length);
        var call = Expression.Call(WasmOpcode.CallIndirect, calleeType.Result, typeIndex, arguments, tableIndex);
        Finish(call);
    }

    /// <summary>A call with a result waits for its consumer; one without is a statement.</summary>
    private void Finish(Expression call)
    {
        if (call.Type != WasmType.None)
        {
            Push(call);
        }
        else
        {
            SpillConflicts(call);
            Emit(call);
        }
    }

    private void EmitArguments(Expression call)
    {
        Il.LoadArgument(0);
        Array.ForEach(call.Arguments, Emit);
    }

    private void EmitCall(Expression call)
    {
        EmitArguments(call);
        int function = (int)call.Immediate;
        var target = context.Function(function);
        if (target.Kind == HandleKind.MethodDefinition && function != current)
        {
            var site = new CallSite(method, Il.Length, function);
            Calls.Add(site);
            target = context.Inlining.Take(site) ?? target;
        }

        Il.Call(target, context.Module.TypeOf(function).CallStackDelta);
    }

    private void EmitHostCall(Expression call)
    {
        EmitArguments(call);
        Il.Call(context.Locked.Method(call.Host!), (call.Type == WasmType.None ? 0 : 1) - (call.Arguments.Length + 1));
    }

    /// <summary>
    /// Calls through the function table below <c>m</c>: the index is masked to the table's size, an empty slot holds a method that traps.
    /// The callee's type is not checked.
    /// </summary>
    private void EmitIndirectCall(Expression call)
    {
        EmitArguments(call);
        var calleeType = context.Module.Types[(int)call.Immediate];
        var index = call.A!;
        if (index.Opcode is WasmOpcode.I32Const or WasmOpcode.I64Const)
        {
            SlotAddress(InstanceLayout.TableOffset + (8 * ((int)index.Immediate & (InstanceLayout.TableSlots - 1))));
        }
        else
        {
            EmitInt32(index);
            Il.TableSlotAddress();
        }

        Il.Unary(ILOpCode.Ldind_i);
        Il.Token(ILOpCode.Calli, context.Emitter.CallSite(calleeType.Signature), calleeType.CallStackDelta - 1);
    }

    private void Drop()
    {
        var value = Pop();
        if (value.HasSideEffects)
        {
            SpillConflicts(value);
            Emit(value);
            Il.Op(ILOpCode.Pop, -1);
        }
        else
        {
            Discard(value);
        }
    }
}
