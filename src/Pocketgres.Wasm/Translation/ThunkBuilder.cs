using System.Reflection.Metadata;
using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Emit;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Translation;

/// <summary>Bodies of the methods that have no WebAssembly body: <c>invoke_*</c>, host functions that are locked or adapted, unresolved imports, table initialisers.</summary>
internal sealed class ThunkBuilder(ModuleContext context)
{
    private readonly AssemblyEmitter emitter = context.Emitter;

    /// <summary>Builds the thunk of an import and returns its body's offset.</summary>
    public int Import(int import)
    {
        string name = context.Module.FunctionImports[import].Name;
        if (context.Imports.Host(import) is { } host)
        {
            return Host(host, context.Module.TypeOf(import).Signature);
        }

        return context.Imports.Bindings[import].Kind switch
        {
            ImportBindingKind.Invoke => Invoke(name, context.Module.TypeOf(import)),
            _ => Unresolved(name),
        };
    }

    /// <summary>Builds the method that takes the lock around a host function, and returns its body's offset.</summary>
    public int Locked(HostFunction host) => Host(host, host.Signature);

    /// <summary>
    /// <c>Init.Tn(byte* firstSlot)</c>: stores the addresses of a stretch of an element segment's functions. The addresses come from
    /// <c>ldftn</c>, so they are right for whatever code the runtime has for each method.
    /// </summary>
    public int TableInitialiser(ReadOnlySpan<int> functions, int firstSlot)
    {
        var il = new IlWriter();
        for (int i = 0; i < functions.Length; i++)
        {
            il.LoadArgument(0);
            il.Int32Constant((firstSlot + i) * 8);
            il.Unary(ILOpCode.Conv_i);
            il.Binary(ILOpCode.Add);
            il.Token(ILOpCode.Ldftn, context.Function(functions[i]), 1);
            il.StoreIndirect(ILOpCode.Stind_i);
        }

        il.Return();
        return emitter.AddBody(il.Code, il.MaxStack, []);
    }

    /// <summary>
    /// Calls a host function, under the kernel's lock if it asks for it: <c>EnterKernel(m); try { call } finally { LeaveKernel(m); }</c>. A program of 64-bit addresses may
    /// pass more than the function takes, and expect more: what is passed is cut, and a result filled up with zeros or dropped.
    /// </summary>
    private int Host(HostFunction host, string signature)
    {
        var il = new IlWriter();
        if (!host.IsLocked)
        {
            CallHost(il, host, signature);
            il.Return();
            return emitter.AddBody(il.Code, il.MaxStack, []);
        }

        il.LoadArgument(0);
        il.Call(emitter.Helper(RuntimeHelper.EnterKernel), -1);
        int done = il.NewLabel();
        int tryStart = il.Length;
        CallHost(il, host, signature);
        if (signature[0] != 'v')
        {
            il.StoreLocal(0);
        }

        il.Branch(ILOpCode.Leave, done, 0);
        int tryEnd = il.Length;
        il.LoadArgument(0);
        il.Call(emitter.Helper(RuntimeHelper.LeaveKernel), -1);
        il.Op(ILOpCode.Endfinally, 0);
        int handlerEnd = il.Length;
        il.Mark(done);
        if (signature[0] != 'v')
        {
            il.LoadLocal(0);
        }

        il.Return();
        il.ResolveLabels();
        return emitter.AddBody(il, signature[0] == 'v' ? [] : [WasmTypeExtensions.FromLetter(signature[0])], new ProtectedRegion(tryStart, tryEnd, handlerEnd));
    }

    private void CallHost(IlWriter il, HostFunction host, string signature)
    {
        il.LoadArgument(0);
        for (int i = 1; i < signature.Length; i++)
        {
            il.LoadArgument(i);
            if (signature[i] != host.Signature[i])
            {
                il.Unary(ILOpCode.Conv_i4);
            }
        }

        il.Call(emitter.Method(host), (host.Signature[0] == 'v' ? 0 : 1) - signature.Length);
        if (signature[0] == 'v' && host.Signature[0] != 'v')
        {
            il.Op(ILOpCode.Pop, -1);
        }
        else if (signature[0] != host.Signature[0])
        {
            il.Unary(ILOpCode.Conv_u8);
        }
    }

    private int Unresolved(string name)
    {
        var il = new IlWriter();
        il.String(emitter.UserString(name));
        il.Call(emitter.Helper(RuntimeHelper.UnresolvedImport), 0);
        il.Throw();
        return emitter.AddBody(il.Code, il.MaxStack, []);
    }

    /// <summary>
    /// emscripten's <c>invoke_*(index, arguments...)</c>: calls through the table; if the callee longjmps, restores the shadow stack pointer,
    /// calls <c>setThrew(1, 0)</c> and returns 0. In a module that can look for a handler of a C++ exception, the same for that. Catches nothing else: exit and traps must pass.
    /// </summary>
    private int Invoke(string name, FunctionType type)
    {
        bool is64 = context.Module.IsMemory64;
        var setThrew = context.Imports.ProgramFunction("setThrew", is64 ? "vji" : "vii", name);
        var callee = new FunctionType(type.Parameters[1..], type.Result);
        bool hasResult = type.Result != WasmType.None;
        WasmType[] locals = hasResult ? [WasmType.I32, type.Result] : [WasmType.I32];
        var il = new IlWriter();
        StackPointer(il);
        il.Unary(ILOpCode.Ldind_i4);
        il.StoreLocal(0);

        int done = il.NewLabel();
        int tryStart = il.Length;
        il.LoadArgument(0);
        for (int i = 1; i < type.Parameters.Length; i++)
        {
            il.LoadArgument(i + 1);
        }

        il.LoadArgument(1);
        if (is64)
        {
            il.Unary(ILOpCode.Conv_i4);
        }

        il.TableSlotAddress();
        il.Unary(ILOpCode.Ldind_i);
        il.Token(ILOpCode.Calli, emitter.CallSite(callee.Signature), callee.CallStackDelta - 1);
        if (hasResult)
        {
            il.StoreLocal(1); // stays 0, its initial value, if the callee does not return
        }

        il.Branch(ILOpCode.Leave, done, 0);
        int tryEnd = il.Length;
        il.Stack = 1; // the exception
        il.Op(ILOpCode.Pop, -1);
        StackPointer(il);
        il.LoadLocal(0);
        il.StoreIndirect(ILOpCode.Stind_i4);
        il.LoadArgument(0);
        il.Int32Constant(1);
        if (is64)
        {
            il.Unary(ILOpCode.Conv_i8);
        }

        il.Int32Constant(0);
        il.Call(setThrew, -3);
        il.Branch(ILOpCode.Leave, done, 0);
        int handlerEnd = il.Length;
        il.Mark(done);
        if (hasResult)
        {
            il.LoadLocal(1);
        }

        il.Return();
        il.ResolveLabels();
        return emitter.AddBody(il, locals, new ProtectedRegion(tryStart, tryEnd, handlerEnd, emitter.UnwindException(context.Imports.HasCppExceptions)));
    }

    private static void StackPointer(IlWriter il)
    {
        il.LoadArgument(0);
        il.Int32Constant(InstanceLayout.StackPointer);
        il.Unary(ILOpCode.Conv_i);
        il.Binary(ILOpCode.Add);
    }
}
