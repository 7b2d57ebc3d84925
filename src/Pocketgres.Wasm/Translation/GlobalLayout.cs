using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Translation;

/// <summary>How a global is read: from a slot below <c>m</c>, plus a constant; or, without a slot, the constant alone.</summary>
internal readonly record struct GlobalAccess(WasmType Type, bool IsMutable, bool HasSlot, int Slot, long Constant);

/// <summary>Assigns slots to a module's globals (see <see cref="InstanceLayout"/>) and lists what the loader must put there.</summary>
internal sealed class GlobalLayout
{
    /// <summary>Side modules' blocks of slots start at multiples of this.</summary>
    private const int BlockAlignment = 0x100;

    private readonly GlobalAccess[] access;

    public GlobalLayout(WasmModule module, int sideGlobalsTop)
    {
        access = new GlobalAccess[module.Globals.Count];
        SideGlobalsBottom = sideGlobalsTop;
        if (module.IsSideModule)
        {
            PlaceSideModule(module, sideGlobalsTop);
        }
        else
        {
            PlaceMain(module);
        }
    }

    public List<ModuleManifest.GlobalInit> Initial { get; } = [];

    public List<ModuleManifest.GotEntry> Got { get; } = [];

    public List<ImportBinding> Bindings { get; } = [];

    /// <summary>Side modules: the slots of memory base and table base.</summary>
    public int MemoryBaseSlot { get; private set; }

    /// <inheritdoc cref="MemoryBaseSlot"/>
    public int TableBaseSlot { get; private set; }

    /// <summary>Lowest offset in use by side modules so far.</summary>
    public int SideGlobalsBottom { get; private set; }

    public GlobalAccess Access(int index, long offset) =>
        index < access.Length ? access[index] : throw new WasmFormatException($"global {index} does not exist", offset);

    private void PlaceMain(WasmModule module)
    {
        for (int i = 0; i < access.Length; i++)
        {
            var global = module.Globals[i];
            if (global.IsImported)
            {
                throw new TranslationException($"main program imports the global {global.ImportModule}.{global.Name}; only side modules may import globals");
            }

            int slot = InstanceLayout.MainGlobal(i);
            if (global.Mutable && slot <= InstanceLayout.MemoryPages)
            {
                throw new TranslationException($"mutable global {i} has no slot: only globals 0..{(-InstanceLayout.MemoryPages / 8) - 2} may be mutable");
            }

            PlaceDefined(module, i, global.Mutable ? slot : 0);
        }
    }

    private void PlaceSideModule(WasmModule module, int top)
    {
        // Slots from the bottom up: memory base, table base, then every other global that needs one.
        int size = ((2 + access.Length) * 8 + BlockAlignment - 1) / BlockAlignment * BlockAlignment;
        int bottom = (top - size) & -BlockAlignment; // rounds down, also below zero
        if (top > InstanceLayout.SideGlobalsHigh || bottom < InstanceLayout.SideGlobalsLow)
        {
            throw new TranslationException(
                $"no room for {size} bytes of side module globals below {top}: the range is {InstanceLayout.SideGlobalsLow}..{InstanceLayout.SideGlobalsHigh}");
        }

        SideGlobalsBottom = bottom;
        MemoryBaseSlot = bottom;
        TableBaseSlot = bottom + 8;
        int next = bottom + 16;
        for (int i = 0; i < access.Length; i++)
        {
            var global = module.Globals[i];
            if (global.IsImported)
            {
                PlaceImport(module, i, global, ref next);
            }
            else
            {
                PlaceDefined(module, i, global.Mutable ? next : 0);
                next += global.Mutable ? 8 : 0;
            }
        }
    }

    private void PlaceImport(WasmModule module, int index, WasmGlobal global, ref int next)
    {
        string fullName = $"{global.ImportModule}.{global.Name}";
        if (global.Type != (module.IsMemory64 ? WasmType.I64 : WasmType.I32))
        {
            throw new TranslationException($"imported global {fullName} is not an address");
        }

        int slot;
        string target;
        var kind = ImportBindingKind.Base;
        switch (global.ImportModule, global.Name)
        {
            case ("env", "__stack_pointer"):
                (slot, target) = (InstanceLayout.StackPointer, "stack pointer");
                break;
            case ("env", "__memory_base"):
                (slot, target) = (MemoryBaseSlot, "memory base");
                break;
            case ("env", "__table_base"):
                (slot, target) = (TableBaseSlot, "table base");
                break;
            case ("GOT.mem" or "GOT.func", _):
                (slot, target, kind) = (next, global.ImportModule!, ImportBindingKind.Got);
                Got.Add(new ModuleManifest.GotEntry(slot, global.ImportModule == "GOT.func", global.Name, module.Weak.Contains(global.Name)));
                next += 8;
                break;
            default:
                throw new TranslationException($"imported global {fullName} is neither a base nor an entry of the global offset table");
        }

        access[index] = new GlobalAccess(global.Type, global.Mutable, true, slot, 0);
        Bindings.Add(new ImportBinding(fullName, "", kind, target));
    }

    private void PlaceDefined(WasmModule module, int index, int slot)
    {
        var global = module.Globals[index];
        long value = global.Initial.Value;
        int based = global.Initial.Global;
        if (based >= index)
        {
            throw new TranslationException($"global {index} is initialised from global {based}, which comes after it");
        }

        if (global.Mutable)
        {
            if (based >= 0)
            {
                throw new TranslationException($"mutable global {index} is initialised from another global");
            }

            access[index] = new GlobalAccess(global.Type, true, true, slot, 0);
            Initial.Add(new ModuleManifest.GlobalInit(slot, global.Type is WasmType.I64 or WasmType.F64, value));
        }
        else if (based >= 0)
        {
            access[index] = access[based] with { IsMutable = false, Constant = access[based].Constant + value };
        }
        else
        {
            access[index] = new GlobalAccess(global.Type, false, false, 0, value);
        }
    }
}
