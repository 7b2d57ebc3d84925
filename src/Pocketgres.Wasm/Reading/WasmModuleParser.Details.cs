namespace Pocketgres.Wasm.Reading;

/// <summary>Constant expressions, dylink.0, and the checks that need the whole module.</summary>
internal sealed partial class WasmModuleParser
{
    // dylink.0 subsection ids, the name section's subsection of functions, and the binding bits of a symbol's flags (WASM_SYMBOL_BINDING_MASK).
    private const int DylinkMemoryInfo = 1;
    private const int DylinkNeeded = 2;
    private const int DylinkImportInfo = 4;
    private const int NameSectionFunctions = 1;
    private const uint SymbolBindingMask = 3;
    private const uint SymbolBindingWeak = 1;

    private void ParseCustom()
    {
        switch (reader.Name())
        {
            case "dylink.0":
                ParseDynamicLinking();
                break;
            case "name":
                ParseNames();
                break;
        }
    }

    private void ParseNames()
    {
        while (!reader.AtEnd)
        {
            int kind = reader.Byte();
            int size = reader.Count();
            int end = reader.Position + size;
            if (kind == NameSectionFunctions)
            {
                Repeat(() =>
                {
                    int function = reader.Index();
                    module.FunctionNames[function] = reader.Name();
                });
            }

            reader.Position = end;
        }
    }

    private void ParseDynamicLinking()
    {

        while (!reader.AtEnd)
        {
            int kind = reader.Byte();
            int size = reader.Count();
            int end = reader.Position + size;
            switch (kind)
            {
                case DylinkMemoryInfo:
                    module.MemorySize = reader.Index();
                    module.MemoryAlignment = reader.Index();
                    module.TableSize = reader.Index();
                    reader.U32(); // table alignment: slots need none
                    break;
                case DylinkNeeded:
                    Repeat(() => module.NeededLibraries.Add(reader.Name()));
                    break;
                case DylinkImportInfo:
                    Repeat(() =>
                    {
                        reader.Name();
                        string field = reader.Name();
                        if ((reader.U32() & SymbolBindingMask) == SymbolBindingWeak)
                        {
                            module.Weak.Add(field);
                        }
                    });
                    break;
            }

            reader.Position = end;
        }
    }

    /// <summary>Constants, <c>global.get</c>, and the <c>i32.add</c> and <c>i64.add</c> of the extended-const proposal.</summary>
    private ConstantExpression ParseConstant()
    {
        int global = -1;
        long value = 0;
        while (true)
        {
            int at = reader.Position;
            switch (reader.Byte())
            {
                case 0x0b:
                    return new ConstantExpression(global, value);
                case 0x41:
                    value += reader.S32();
                    break;
                case 0x42:
                    value += reader.S64();
                    break;
                case 0x43:
                    value = reader.Fixed32();
                    break;
                case 0x44:
                    value = reader.Fixed64();
                    break;
                case 0x23 when global < 0:
                    global = reader.Index();
                    break;
                case 0x6a or 0x7c:
                    break;
                case var op:
                    throw WasmFormatException.Unsupported($"instruction 0x{op:x2} in a constant expression", at);
            }
        }
    }

    private void CheckReferences()
    {
        foreach (var export in module.Exports)
        {
            int limit = export.Kind switch
            {
                ExternalKind.Function => module.FunctionCount,
                ExternalKind.Global => module.Globals.Count,
                _ => int.MaxValue,
            };
            if (export.Index >= limit)
            {
                throw new WasmFormatException($"export \"{export.Name}\" refers to {export.Kind} {export.Index}, which does not exist", 0);
            }
        }

        foreach (var segment in module.Elements)
        {
            if (segment.Functions.Any(f => f >= module.FunctionCount))
            {
                throw new WasmFormatException("element segment refers to a function that does not exist", segment.Position);
            }

            CheckBase(segment.Offset, segment.Position);
        }

        module.Data.ForEach(d => CheckBase(d.Offset, d.Contents.Start));
        if (module.StartFunction >= module.FunctionCount)
        {
            throw new WasmFormatException($"start function {module.StartFunction} does not exist", 0);
        }

        module.IsSideModule = module.Globals.Exists(g => g.IsImported && g.Name is "__memory_base" or "__table_base");
    }

    private void CheckBase(ConstantExpression offset, int at)
    {
        if (offset.Global >= module.Globals.Count || (offset.Global >= 0 && !module.Globals[offset.Global].IsImported))
        {
            throw new WasmFormatException($"segment offset uses global {offset.Global}, which is not an import", at);
        }
    }
}
