using System.Reflection;
using System.Runtime.Loader;
using Pocketgres.Kernel;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Wasm.Tests.Support;

/// <summary>A main module translated, loaded and set up as the kernel would, plus side modules.</summary>
public sealed unsafe class TestInstance : IDisposable
{
    private readonly TestMemory memory = new();
    private readonly AssemblyLoadContext loader = new("translated", isCollectible: false);
    private readonly Dictionary<string, (Assembly Assembly, ModuleManifest Manifest)> functions = [];
    private readonly Assembly assembly;
    private int nextTableSlot;
    private int nextData = 0x8000;

    public TestInstance(WasmBuilder builder, ModulePatches? patches = null, HostFunctions? hosts = null, IReadOnlySet<int>? keepWhole = null, InterruptFacts? interrupts = null)
        : this(ModuleTranslator.Translate(new TranslationOptions
        {
            Module = builder.Parse(),
            AssemblyName = "TestMain",
            HostFunctions = hosts ?? TestHost.Functions,
            Patches = patches,
            KeepWhole = keepWhole ?? new HashSet<int>(),
            Interrupts = interrupts ?? InterruptFacts.None,
        }))
    {
    }

    public TestInstance(TranslatedModule main)
    {
        Main = main;
        var slots = (nint*)(M + InstanceLayout.TableOffset);
        for (int i = 0; i < InstanceLayout.TableSlots; i++)
        {
            slots[i] = (nint)(delegate*<byte*, void>)&WasmRuntime.EmptyTableSlot;
        }

        *(int*)(M + InstanceLayout.MemoryPages) = main.Manifest.InitialPages;
        main.MemoryImage.CopyTo(new Span<byte>(M, main.MemoryImage.Length));
        nextTableSlot = Math.Max(main.Manifest.TableEnd, 1);
        assembly = Load(main, tableBase: 0);
        if (main.Manifest.StartFunction >= 0)
        {
            Resolve(assembly, main.Manifest, main.Manifest.StartFunction).Invoke(null, BindingFlags.DoNotWrapExceptions, null, [Box()], null);
        }
    }

    public byte* M => memory.M;

    public TranslatedModule Main { get; }

    public int StackPointer
    {
        get => *(int*)(M + InstanceLayout.StackPointer);
        set => *(int*)(M + InstanceLayout.StackPointer) = value;
    }

    public int I32(int address) => *(int*)(M + (uint)address);

    public void Write(int address, int value) => *(int*)(M + (uint)address) = value;

    public Span<byte> Bytes(int address, int length) => new(M + (uint)address, length);

    /// <summary>Translates and loads a side module: data, table, GOT, as the dynamic linker does. Returns its memory base.</summary>
    public int LoadSide(TranslatedModule side)
    {
        var manifest = side.Manifest;
        int memoryBase = nextData;
        int tableBase = nextTableSlot;
        nextData += 0x1000;
        nextTableSlot += manifest.TableSize;
        side.MemoryImage.CopyTo(new Span<byte>(M + memoryBase, side.MemoryImage.Length));
        *(int*)(M + manifest.MemoryBaseSlot) = memoryBase;
        *(int*)(M + manifest.TableBaseSlot) = tableBase;
        Load(side, tableBase);
        foreach (var entry in manifest.Got)
        {
            *(int*)(M + entry.Slot) = entry.IsFunction ? FunctionSlot(entry.Name, manifest, tableBase) : Address(entry.Name, manifest, memoryBase);
        }

        return memoryBase;
    }

    public int Call(string export, params object[] arguments) => Call<int>(export, arguments);

    public T Call<T>(string export, params object[] arguments) => (T)Invoke(export, arguments)!;

    public object? Invoke(string export, params object[] arguments)
    {
        var (owner, manifest) = functions[export];
        return Resolve(owner, manifest, manifest.Functions[export].Index)
            .Invoke(null, BindingFlags.DoNotWrapExceptions, null, [Box(), .. arguments], null);
    }

    public void Dispose() => memory.Dispose();

    private object Box() => Pointer.Box(M, typeof(byte*));

    private static MethodBase Resolve(Assembly owner, ModuleManifest manifest, int function) =>
        owner.ManifestModule.ResolveMethod(0x06000000 + function - manifest.ImportedFunctions + 1)!;

    private Assembly Load(TranslatedModule module, int tableBase)
    {
        var loaded = loader.LoadFromStream(new MemoryStream(module.Assembly));
        loader.Resolving += (_, name) => name.Name == loaded.GetName().Name ? loaded : null;
        var init = loaded.GetType(module.Manifest.AssemblyName + ".Init")!;
        for (int i = 0; i < module.Manifest.TableParts; i++)
        {
            var fill = (delegate*<byte*, void>)init.GetMethod($"T{i}")!.MethodHandle.GetFunctionPointer();
            fill(M + InstanceLayout.TableOffset + (8 * tableBase));
        }

        foreach (var g in module.Manifest.Globals)
        {
            if (g.Is64)
            {
                *(long*)(M + g.Slot) = g.Value;
            }
            else
            {
                *(int*)(M + g.Slot) = (int)g.Value;
            }
        }

        foreach (string name in module.Manifest.Functions.Keys)
        {
            functions.TryAdd(name, (loaded, module.Manifest));
        }

        return loaded;
    }

    private int FunctionSlot(string name, ModuleManifest side, int tableBase)
    {
        if (side.Functions.TryGetValue(name, out var own) && own.TableSlot >= 0 && !Main.Manifest.Functions.ContainsKey(name))
        {
            return tableBase + own.TableSlot;
        }

        var (owner, manifest) = functions[name];
        if (manifest.Functions[name] is { TableSlot: >= 0 } known && manifest == Main.Manifest)
        {
            return known.TableSlot;
        }

        ((nint*)(M + InstanceLayout.TableOffset))[nextTableSlot] = Resolve(owner, manifest, manifest.Functions[name].Index).MethodHandle.GetFunctionPointer();
        return nextTableSlot++;
    }

    private int Address(string name, ModuleManifest side, int memoryBase) =>
        Main.Manifest.Variables.TryGetValue(name, out int address) ? address : memoryBase + side.Variables[name];
}
