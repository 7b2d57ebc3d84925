using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Emit;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Translation;

/// <summary>
/// Builds guarded functions (<see cref="FunctionGuard"/>): the translated body moves to a method of its own, and the function's own method calls it
/// in a try block.
/// </summary>
internal sealed class GuardBuilder(ModuleContext context, ModuleLinkage linkage)
{
    private const int SavedStack = 0, SavedDepth = 1, Result = 2;

    private readonly AssemblyEmitter emitter = context.Emitter;

    /// <summary>Index of a function that a module exports and defines.</summary>
    public static int Defined(WasmModule module, ModuleLinkage linkage, string name) =>
        linkage.Exports.TryGetValue(name, out int index) && module.IsDefinedFunction(index)
            ? index
            : throw new TranslationException($"a guard names the function {name}, which {linkage.AssemblyName} does not define and export");

    /// <summary>Takes the body just translated and returns the offset of the function's new one. The body's own parts must have their rows already.</summary>
    public int Build(int function, FunctionGuard guard, FunctionTranslator translated)
    {
        var type = context.Module.TypeOf(function);
        bool hasResult = type.Result != WasmType.None;
        int row = context.NextOutlinedRow;
        context.Outlined.Add(($"{linkage.MethodName(function)}_guarded", new OutlinedMethod(
            translated.Il.Code.ToArray(), translated.Il.MaxStack, [.. translated.IlLocals], type.Signature, translated.Il.Instructions)));

        int alternatives = guard.Alternatives.Count > 0 ? AddAlternatives(function, guard, type) : -1;
        var il = new IlWriter();
        Load(il, InstanceLayout.StackPointer);
        il.StoreLocal(SavedStack);
        Load(il, InstanceLayout.GuardDepth);
        il.StoreLocal(SavedDepth);
        Store(il, InstanceLayout.GuardDepth, () =>
        {
            il.LoadLocal(SavedDepth);
            il.Int32Constant(1);
            il.Binary(ILOpCode.Add);
        });

        int returned = il.NewLabel(), caught = il.NewLabel(), handled = il.NewLabel();
        int tryStart = il.Length;
        Call(il, MetadataTokens.MethodDefinitionHandle(row), type);
        if (hasResult)
        {
            il.StoreLocal(Result);
        }

        Store(il, InstanceLayout.GuardDepth, () => il.LoadLocal(SavedDepth));
        il.Branch(ILOpCode.Leave, returned, 0);
        int tryEnd = il.Length;
        il.Stack = 1; // the exception
        Store(il, InstanceLayout.GuardDepth, () => il.LoadLocal(SavedDepth));
        il.Call(emitter.Helper(RuntimeHelper.IsGuestException), 0);
        il.Branch(ILOpCode.Brtrue, caught, -1);
        il.Op(ILOpCode.Rethrow, 0);
        il.Mark(caught);
        Store(il, InstanceLayout.StackPointer, () => il.LoadLocal(SavedStack));
        il.Branch(ILOpCode.Leave, handled, 0);
        int handlerEnd = il.Length;
        il.Mark(handled);
        Handle(il, guard, function, type, alternatives);
        il.Mark(returned);
        if (hasResult)
        {
            il.LoadLocal(Result);
        }

        il.Return();
        il.ResolveLabels();
        WasmType[] locals = [WasmType.I32, WasmType.I32, .. hasResult ? [type.Result] : Array.Empty<WasmType>()];
        return emitter.AddBody(il, locals, new ProtectedRegion(tryStart, tryEnd, handlerEnd, emitter.Exception));
    }

    private void Handle(IlWriter il, FunctionGuard guard, int function, FunctionType type, int alternatives)
    {
        if (guard.Reporter is { } reporter)
        {
            il.LoadArgument(0);
            Load(il, InstanceLayout.GuestMessage);
            il.Int32Constant(0);
            il.Call(Method(reporter, function, "vii"), -3);
        }

        if (guard.Alternatives.Count > 0)
        {
            Call(il, MetadataTokens.MethodDefinitionHandle(alternatives), type);
            il.StoreLocal(Result);
            return;
        }

        switch (type.Result)
        {
            case WasmType.None:
                return;
            case WasmType.I64:
                il.Int64Constant(guard.Result);
                break;
            case WasmType.F32 or WasmType.F64:
                il.Int32Constant(guard.Result);
                il.Unary(type.Result == WasmType.F32 ? ILOpCode.Conv_r4 : ILOpCode.Conv_r8);
                break;
            default:
                il.Int32Constant(guard.Result);
                break;
        }

        il.StoreLocal(Result);
    }

    private int AddAlternatives(int function, FunctionGuard guard, FunctionType type)
    {
        if (type.Result != WasmType.I32)
        {
            throw new TranslationException($"the guard of {linkage.MethodName(function)} has alternatives, but the function returns no pointer");
        }

        const int Message = 0, Found = 1;
        var il = new IlWriter();
        int found = il.NewLabel();
        Load(il, InstanceLayout.GuestMessage);
        il.StoreLocal(Message);
        foreach (string alternative in guard.Alternatives)
        {
            Call(il, Method(alternative, function, type.Signature), type);
            il.StoreLocal(Found);
            il.LoadLocal(Found);
            il.Branch(ILOpCode.Brtrue, found, -1);
        }

        Store(il, InstanceLayout.GuestMessage, () => il.LoadLocal(Message));
        il.Call(emitter.Helper(RuntimeHelper.GuestException), 1);
        il.Throw();
        il.Mark(found);
        il.LoadLocal(Found);
        il.Return();
        il.ResolveLabels();
        int row = context.NextOutlinedRow;
        context.Outlined.Add(($"{linkage.MethodName(function)}_alternatives",
            new OutlinedMethod(il.Code.ToArray(), il.MaxStack, [WasmType.I32, WasmType.I32], type.Signature, il.Instructions)));
        return row;
    }

    private MethodDefinitionHandle Method(string name, int neededBy, string signature)
    {
        int index = Defined(context.Module, linkage, name);
        return context.Module.TypeOf(index).Signature == signature
            ? MetadataTokens.MethodDefinitionHandle(index - context.Module.ImportedFunctionCount + 1)
            : throw new TranslationException($"the guard of {linkage.MethodName(neededBy)} needs {name} with the signature {signature}");
    }

    private static void Call(IlWriter il, EntityHandle method, FunctionType type)
    {
        for (int i = 0; i <= type.Parameters.Length; i++)
        {
            il.LoadArgument(i);
        }

        il.Call(method, type.CallStackDelta);
    }

    private static void Load(IlWriter il, int slot)
    {
        Address(il, slot);
        il.Unary(ILOpCode.Ldind_i4);
    }

    private static void Store(IlWriter il, int slot, Action value)
    {
        Address(il, slot);
        value();
        il.StoreIndirect(ILOpCode.Stind_i4);
    }

    private static void Address(IlWriter il, int slot)
    {
        il.LoadArgument(0);
        il.Int32Constant(slot);
        il.Unary(ILOpCode.Conv_i);
        il.Binary(ILOpCode.Add);
    }
}
