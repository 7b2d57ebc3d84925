using Pocketgres.Wasm.Patching;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Translation;

/// <summary>Which functions of one module take the global lock where (<see cref="PrivateCode"/>).</summary>
internal sealed class PrivateCodePlan
{
    private readonly IReadOnlySet<int> functions = PrivateCode.None.Functions;
    private readonly HashSet<int> callableByTable = [];
    private readonly HashSet<int> starters = [];
    private readonly IReadOnlySet<int>? indirectCallers;
    private readonly HashSet<string> starterSignatures = new(StringComparer.Ordinal);

    /// <exception cref="TranslationException">A private function is none, or does what it must not.</exception>
    public PrivateCodePlan(WasmModule module, ModuleLinkage self, ModuleLinkage? main, PrivateCode code)
    {
        if (code.Functions.Count == 0)
        {
            return;
        }

        if (module.IsSideModule)
        {
            AddStarters(main!.Module, code);
            starters.Clear();
            for (int import = 0; import < module.FunctionImports.Count; import++)
            {
                if (main.Exports.TryGetValue(module.FunctionImports[import].Name, out int function) && code.Starters.Contains(function))
                {
                    starters.Add(import);
                }
            }
        }
        else
        {
            functions = code.Functions;
            indirectCallers = code.IndirectCallers;
            AddStarters(module, code);
            foreach (int function in functions)
            {
                Check(module, function, code);
            }
        }

        callableByTable.UnionWith(module.Elements.SelectMany(e => e.Functions));
        callableByTable.UnionWith(self.Exports.Values);
    }

    /// <summary>The function may run without the lock.</summary>
    public bool IsPrivate(int function) => functions.Contains(function);

    /// <summary>The function must take the lock at its entry, because private code can call it through the table.</summary>
    public bool TakesLockAtEntry(int function) => callableByTable.Contains(function) && !functions.Contains(function);

    /// <summary>The function may return without the lock although it was called with it.</summary>
    public bool MayReturnUnlocked(int function) => starters.Contains(function);

    /// <summary>The same of whatever an indirect call of this type in this function calls.</summary>
    public bool MayReturnUnlocked(int caller, FunctionType type) =>
        starterSignatures.Contains(type.Signature) && (indirectCallers is null || indirectCallers.Contains(caller));

    private void AddStarters(WasmModule module, PrivateCode code)
    {
        if (code.Starters.FirstOrDefault(f => !code.Functions.Contains(f), -1) is var stray and >= 0)
        {
            throw new TranslationException($"function {stray} may begin a private section but is not private");
        }

        starters.UnionWith(code.Starters);
        starterSignatures.UnionWith(module.Elements.SelectMany(e => e.Functions).Where(starters.Contains).Select(f => module.TypeOf(f).Signature));
    }

    private static void Check(WasmModule module, int function, PrivateCode code)
    {
        if (!module.IsDefinedFunction(function))
        {
            throw new TranslationException($"private function {function}: the module defines no such function");
        }

        var body = module.Bodies[function - module.ImportedFunctionCount];
        var reader = new WasmReader(module.Bytes, body.Start, body.End);
        FunctionLocals.Read(reader, module.TypeOf(function));
        while (reader.Position < reader.End)
        {
            var op = reader.Opcode();
            if (op == WasmOpcode.MemoryGrow)
            {
                throw new TranslationException($"private function {function} grows memory");
            }

            int at = reader.Position;
            if (op == WasmOpcode.Call && reader.Index() is var callee)
            {
                if (code.Forbidden.Contains(callee))
                {
                    throw new TranslationException($"private function {function} calls function {callee}, whose callers write shared memory");
                }

                if (code.Starters.Contains(callee) && !code.Starters.Contains(function))
                {
                    throw new TranslationException($"private function {function} calls function {callee}, which may begin a private section: it is a starter, too");
                }
            }

            reader.Position = at;
            reader.SkipImmediates(op);
        }
    }
}
