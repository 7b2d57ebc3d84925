using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Programs;

/// <summary>
/// ld.so for one process: instantiates the main module, loads side modules (dylink.0) and resolves their symbols.
/// The function table is part of the address space, so a fork inherits it; this object holds the bookkeeping.
/// </summary>
internal sealed unsafe class DynamicLinker
{
    /// <summary>Where in what dlopen(3) returns, in a handle that the C library makes, the file's name is (port.c).</summary>
    private const int HandleName = 36;

    private readonly Process _process;
    private LinkedModules _modules; // shared with parent and children until one of them changes it
    private bool _isShared;

    public DynamicLinker(Process process)
    {
        _process = process;
        _modules = new LinkedModules();
    }

    private DynamicLinker(Process process, DynamicLinker parent)
    {
        _process = process;
        _modules = parent._modules;
        _isShared = parent._isShared = true;
    }

    /// <summary>The same bookkeeping for no process, to copy from later. Under the kernel's lock, as everything here.</summary>
    public DynamicLinker Detached() => new(null!, this);

    /// <summary>The bookkeeping, to be changed.</summary>
    private LinkedModules Own()
    {
        if (_isShared)
        {
            _modules = new LinkedModules(_modules);
            _isShared = false;
        }

        return _modules;
    }

    private sealed record LoadedModule(ModuleImage Image, int MemoryBase, int TableBase);

    /// <summary>What is loaded into a process.</summary>
    private sealed class LinkedModules
    {
        public LinkedModules()
        {
        }

        public LinkedModules(LinkedModules other)
        {
            Handles = new(other.Handles);
            Loaded = new(other.Loaded, StringComparer.Ordinal);
            Appended = new(other.Appended, StringComparer.Ordinal);
            TableLength = other.TableLength;
        }

        /// <summary>By what dlopen(3) returned.</summary>
        public Dictionary<int, LoadedModule> Handles { get; } = [];

        public Dictionary<string, LoadedModule> Loaded { get; } = new(StringComparer.Ordinal);

        public Dictionary<string, int> Appended { get; } = new(StringComparer.Ordinal);

        public int TableLength { get; set; }
    }

    /// <summary>Slots of the function table in use.</summary>
    public int TableLength => _modules.TableLength;

    private byte* Memory => _process.Memory;

    private ModuleImage Main => _process.Program.Main;

    /// <summary>The same bookkeeping for a forked child.</summary>
    public DynamicLinker CopyFor(Process child) => new(child, this);

    /// <summary>Loads the main module into the process's fresh address space and runs its start function and constructors.</summary>
    public void LoadMain()
    {
        var manifest = Main.Manifest;
        _process.AddressSpace.MapImage(Main.DataPath, Main.Manifest.MemoryStart);
        nint empty = (nint)(delegate*<byte*, void>)&WasmRuntime.EmptyTableSlot;
        var table = (nint*)(Memory + InstanceLayout.TableOffset);
        for (int i = 0; i < InstanceLayout.TableSlots; i++)
        {
            table[i] = empty;
        }

        Main.FillTable((byte*)table);
        Own().TableLength = Math.Max(manifest.TableEnd, 1);
        SetGlobals(manifest);
        if (manifest.StartFunction >= 0)
        {
            ((delegate*<byte*, void>)Main.Function(manifest.StartFunction))(Memory);
        }

        ((delegate*<byte*, void>)Main.Export("__wasm_call_ctors"))(Memory);
    }

    /// <summary>The top of the C heap (sbrk(0)).</summary>
    public int BreakAddress()
    {
        nint code = Main.Export("emscripten_get_sbrk_ptr");
        int pointer = Main.Manifest.IsMemory64 ? (int)((delegate*<byte*, long>)code)(Memory) : ((delegate*<byte*, int>)code)(Memory);
        return *(int*)(Memory + (uint)pointer);
    }

    /// <summary>Appends a function to the table and returns its index, that is, the C function pointer.</summary>
    public int AppendFunction(nint code)
    {
        if (TableLength >= InstanceLayout.TableSlots)
        {
            throw new DynamicLinkException("the function table is full: too many modules in one process");
        }

        *(nint*)(Memory + InstanceLayout.TableOffset + (8L * TableLength)) = code;
        return Own().TableLength++;
    }

    /// <summary>dlopen(3): loads the library whose file is named in the struct at <paramref name="handle"/>.</summary>
    /// <returns>The library's base name.</returns>
    /// <exception cref="DynamicLinkException">No such module, or a symbol is missing; the message names it.</exception>
    public string Open(int handle)
    {
        string path = CString.Read(Memory, handle + HandleName), baseName = Path.GetFileNameWithoutExtension(path);
        try
        {
            Own().Handles[handle] = Load(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or BadImageFormatException)
        {
            throw new DynamicLinkException($"{path}: {e.Message}"); // somebody has removed or changed files of the installation while it is in use
        }

        return baseName;
    }

    private LoadedModule Load(string path)
    {
        string baseName = Path.GetFileNameWithoutExtension(path);
        if (_modules.Loaded.TryGetValue(baseName, out var module))
        {
            return module;
        }

        var image = _process.Program.FindSideModule(baseName)
            ?? throw new DynamicLinkException($"{path}: no translated module of this name is installed");
        foreach (string needed in image.Manifest.Needed)
        {
            Load(needed);
        }

        // Before anything is allocated: neither memory nor table slots of a module that failed half-way could be given back.
        string[] missing = [.. image.UnresolvedImports.Concat(image.Manifest.Got.Where(g => !g.Weak && !IsDefined(image, g)).Select(g => g.Name)).Distinct()];
        if (missing.Length > 0)
        {
            throw new DynamicLinkException($"{path}: undefined symbol{(missing.Length > 1 ? "s" : "")}: {string.Join(", ", missing)}");
        }

        module = Place(image);
        Initialise(module);
        Own().Loaded.Add(baseName, module);
        return module;
    }

    private bool IsDefined(ModuleImage self, ModuleManifest.GotEntry entry) =>
        _modules.Loaded.Values.Select(m => m.Image).Prepend(Main).Append(self).Any(image =>
            image.Manifest.Functions.ContainsKey(entry.Name) || (!entry.IsFunction && image.Manifest.Variables.ContainsKey(entry.Name)));

    /// <summary>dlsym(3): a table index for a function, an address for a variable, 0 when the module has no such symbol.</summary>
    public int Symbol(int handle, string name)
    {
        if (!_modules.Handles.TryGetValue(handle, out var module))
        {
            return 0;
        }

        if (TryFunctionPointer(module, name, out int pointer))
        {
            return pointer;
        }

        return module.Image.Manifest.Variables.TryGetValue(name, out int offset) ? offset + module.MemoryBase : 0;
    }

    private void SetGlobals(ModuleManifest manifest)
    {
        foreach (var g in manifest.Globals)
        {
            if (g.Is64)
            {
                *(long*)(Memory + g.Slot) = g.Value;
            }
            else
            {
                *(int*)(Memory + g.Slot) = (int)g.Value;
            }
        }
    }

    private LoadedModule Place(ModuleImage image)
    {
        var manifest = image.Manifest;
        if (TableLength + manifest.TableSize > InstanceLayout.TableSlots)
        {
            throw new DynamicLinkException($"{image.Name}: the function table is full: too many modules in one process");
        }

        int memoryBase = 0;
        if (manifest.MemorySize > 0)
        {
            int alignment = 1 << manifest.MemoryAlignment;
            int block = _process.AllocateZeroed(manifest.MemorySize + alignment);
            if (block == 0)
            {
                throw new DynamicLinkException($"{image.Name}: out of memory for {manifest.MemorySize} bytes of data");
            }

            memoryBase = (block + alignment - 1) & -alignment;
        }

        int tableBase = manifest.TableSize > 0 ? TableLength : 0;
        Own().TableLength += manifest.TableSize;
        return new LoadedModule(image, memoryBase, tableBase);
    }

    private void Initialise(LoadedModule module)
    {
        var manifest = module.Image.Manifest;
        *(long*)(Memory + manifest.MemoryBaseSlot) = (uint)module.MemoryBase; // slots have 8 bytes, whatever the width of addresses
        *(long*)(Memory + manifest.TableBaseSlot) = module.TableBase;
        SetGlobals(manifest);
        using (var data = new FileStream(module.Image.DataPath, FileMode.Open, FileAccess.Read, FileShare.Read, 1))
        {
            data.ReadExactly(new Span<byte>(Memory + (uint)module.MemoryBase, (int)Math.Min(data.Length, manifest.MemorySize)));
        }

        module.Image.FillTable(Memory + InstanceLayout.TableOffset + (8L * module.TableBase));
        if (manifest.StartFunction >= 0)
        {
            ((delegate*<byte*, void>)module.Image.Function(manifest.StartFunction))(Memory);
        }

        foreach (var entry in manifest.Got)
        {
            *(long*)(Memory + entry.Slot) = (uint)(entry.IsFunction ? FunctionPointer(module, entry.Name, entry.Weak) : DataAddress(module, entry.Name, entry.Weak));
        }

        foreach (string hook in (string[])["__wasm_apply_data_relocs", "__wasm_call_ctors"])
        {
            if (manifest.Functions.TryGetValue(hook, out var f))
            {
                ((delegate*<byte*, void>)module.Image.Function(f.Index))(Memory);
            }
        }
    }

    // Main wins, then modules loaded earlier, then the module itself: the order of a flat namespace.
    private int DataAddress(LoadedModule self, string name, bool weak)
    {
        if (Main.Manifest.Variables.TryGetValue(name, out int address))
        {
            return address;
        }

        foreach (var module in _modules.Loaded.Values.Append(self))
        {
            if (module.Image.Manifest.Variables.TryGetValue(name, out int offset))
            {
                return offset + module.MemoryBase;
            }
        }

        // The address of a function taken as data.
        return FunctionPointer(self, name, weak);
    }

    private int FunctionPointer(LoadedModule self, string name, bool weak)
    {
        if (_modules.Appended.TryGetValue(name, out int index))
        {
            return index;
        }

        if (Main.Manifest.Functions.TryGetValue(name, out var f))
        {
            return f.TableSlot >= 0 ? f.TableSlot : Append(name, Main.Function(f.Index));
        }

        foreach (var module in _modules.Loaded.Values.Append(self))
        {
            if (TryFunctionPointer(module, name, out index))
            {
                return index;
            }
        }

        return weak ? 0 : throw new DynamicLinkException($"{self.Image.Name}: undefined symbol: {name}");
    }

    private bool TryFunctionPointer(LoadedModule module, string name, out int index)
    {
        index = 0;
        if (!module.Image.Manifest.Functions.TryGetValue(name, out var f))
        {
            return false;
        }

        if (f.TableSlot >= 0)
        {
            index = f.TableSlot + module.TableBase;
            return true;
        }

        string key = module.Image.Name + "!" + name;
        if (!_modules.Appended.TryGetValue(key, out index))
        {
            index = Append(key, module.Image.Function(f.Index));
        }

        return true;
    }

    private int Append(string key, nint code)
    {
        int index = AppendFunction(code);
        Own().Appended[key] = index;
        return index;
    }}
