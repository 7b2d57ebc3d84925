using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Translation;

/// <summary>Collects what the loader must know of a translated module.</summary>
internal sealed class ManifestBuilder(ModuleContext context, ModuleLinkage linkage)
{
    private readonly WasmModule module = context.Module;

    public ModuleManifest Build(int tableParts, int memoryStart)
    {
        var slots = TableSlots(out int tableEnd);
        var functions = new Dictionary<string, ModuleManifest.FunctionExport>(StringComparer.Ordinal);
        var variables = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var (name, index) in linkage.Exports)
        {
            // Re-exported imports are somebody else's functions: there is no method of this module to resolve.
            if (module.IsDefinedFunction(index))
            {
                functions[name] = new ModuleManifest.FunctionExport(index, slots.GetValueOrDefault(index, -1));
            }
        }

        foreach (var export in module.Exports)
        {
            // Exported immutable globals hold addresses of C variables.
            if (export.Kind == ExternalKind.Global && module.Globals[export.Index] is { Mutable: false, IsImported: false } global && global.Type == (module.IsMemory64 ? WasmType.I64 : WasmType.I32))
            {
                variables[export.Name] = (int)global.Initial.Value;
            }
        }

        var manifest = new ModuleManifest
        {
            AssemblyName = linkage.AssemblyName,
            IsSideModule = module.IsSideModule,
            IsMemory64 = module.IsMemory64,
            ImportedFunctions = module.ImportedFunctionCount,
            DefinedFunctions = module.DefinedFunctionCount,
            MemorySize = module.MemorySize,
            MemoryAlignment = module.MemoryAlignment,
            TableSize = module.TableSize,
            TableEnd = tableEnd,
            InitialPages = module.InitialPages,
            MemoryStart = memoryStart,
            StartFunction = module.StartFunction,
            TableParts = tableParts,
            TableRow = context.NextOutlinedRow,
            MemoryBaseSlot = context.Globals.MemoryBaseSlot,
            TableBaseSlot = context.Globals.TableBaseSlot,
            Functions = functions,
            Variables = variables,
        };
        manifest.Globals.AddRange(context.Globals.Initial);
        manifest.Got.AddRange(context.Globals.Got);
        manifest.Needed.AddRange(module.Needed);
        manifest.Unresolved.AddRange(context.Imports.Bindings
            .Where(b => b.Kind == ImportBindingKind.Unresolved && !module.WeakImports.Contains(b.Name)).Select(b => b.Name));
        return manifest;
    }

    /// <summary>The first table slot of each function in the table.</summary>
    private Dictionary<int, int> TableSlots(out int end)
    {
        var slots = new Dictionary<int, int>();
        end = 0;
        foreach (var segment in module.Elements)
        {
            long first = segment.Offset.Value;
            if (first < 0 || first + segment.Functions.Length > InstanceLayout.TableSlots)
            {
                throw new TranslationException($"an element segment ends at slot {first + segment.Functions.Length}: the table has {InstanceLayout.TableSlots}");
            }

            for (int i = 0; i < segment.Functions.Length; i++)
            {
                slots.TryAdd(segment.Functions[i], (int)first + i);
            }

            end = Math.Max(end, (int)first + segment.Functions.Length);
        }

        return slots;
    }
}
