using System.Reflection;
using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Emit;
using Pocketgres.Wasm.Patching;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Translation;

/// <summary>One run of the translator over one module.</summary>
internal sealed class ModuleTranslation
{
    private const string RuntimeAssembly = "Pocketgres.Kernel";

    /// <summary>Element segments are stored by methods of at most this many functions, so that none is too big for the JIT.</summary>
    private const int FunctionsPerInitialiser = 1000;

    /// <summary>Smallest regions to outline, tried in this order until a function is small enough: few big parts are best.</summary>
    private static readonly int[] OutlineSizes = [2500, 1200, 600, 300, 150, 80, 50, 30, 18];

    private readonly TranslationOptions options;
    private readonly WasmModule module;
    private readonly ModuleLinkage linkage;
    private readonly AssemblyEmitter emitter;
    private readonly ModuleContext context;
    private readonly List<FunctionReport> functions = [];
    private readonly SortedDictionary<string, AtomicCount> atomics = new(StringComparer.Ordinal);
    private int[] bodyOffsets = [];

    public ModuleTranslation(TranslationOptions options)
    {
        this.options = options;
        module = options.Module;
        if (options.Variant.WithoutAtomic is { } name && !AtomicInstructions.All.Contains(name))
        {
            throw new TranslationException($"there is no atomic instruction {name}: give one such as i32.atomic.rmw.cmpxchg or {AtomicInstructions.ReadBarrier}");
        }

        linkage = ModuleLinkage.Create(module, options.AssemblyName, options.AssemblyVersion, options.ExportsByIndex);
        if (module.IsSideModule && options.Main is null)
        {
            throw new TranslationException($"{options.AssemblyName} is a side module: it needs a main module to be bound to");
        }

        var hosts = options.HostFunctions;
        var runtimeVersion = hosts.All.FirstOrDefault(h => h.AssemblyName == RuntimeAssembly)?.AssemblyVersion
            ?? typeof(ModuleTranslation).Assembly.GetName().Version!;
        emitter = new AssemblyEmitter(options.AssemblyName, options.AssemblyVersion, runtimeVersion);
        var imports = new ImportBinder(emitter, options, linkage);
        var globals = new GlobalLayout(module, options.SideGlobalsTop);
        if (hosts.TryGet("memory.grow", out var grow) && grow.Signature != "ii")
        {
            throw new TranslationException($"host function \"memory.grow\" must have the signature ii, not {grow.Signature}");
        }

        var patches = new PatchPlan(module, options.Patches, hosts);
        long[] calls = options.Calls.Count == 0 ? [] : [.. Enumerable.Range(module.ImportedFunctionCount, module.DefinedFunctionCount).Select(f => options.Calls.GetValueOrDefault(ModuleContext.FullName(linkage, f)))];
        var recursion = new RecursionPlan(module, imports, patches, options.Main, options.Recursion, calls);
        linkage.Dispatching = recursion.Dispatching;
        context = new ModuleContext(emitter, module, linkage, imports, globals, patches, recursion,
            new InterruptPlan(options.Interrupts, new LoopPlan(module, imports, Answers()), module.IsSideModule), options.Inlined, grow, hosts, options.Variant);
    }

    private IReadOnlySet<int> Answers() => module.IsSideModule
        ? ImportBinder.Imported(module, options.Main!, options.Interrupts.Answers)
        : options.Interrupts.Answers;

    public TranslatedModule Run()
    {
        TranslateFunctions();
        var patches = context.Patches.Verify();
        var calls = context.Inlining.Finish(functions.Where(f => f.OutlinedParts == 0).ToDictionary(f => f.Index, f => f.ILBytes));
        AddMethods(out int tableParts);
        var manifest = new ManifestBuilder(context, linkage).Build(tableParts, MemoryStart());
        return new TranslatedModule(emitter.Serialize(), manifest, MemoryImage(), linkage, Report(patches), calls);
    }

    private void TranslateFunctions()
    {
        var translator = new FunctionTranslator(context);
        bodyOffsets = new int[module.DefinedFunctionCount];
        for (int i = 0; i < bodyOffsets.Length; i++)
        {
            int function = i + module.ImportedFunctionCount;
            try
            {
                TranslateOne(translator, function);
            }
            catch (Exception e) when (e is IndexOutOfRangeException or ArgumentException or InvalidOperationException)
            {
                throw new WasmFormatException($"function {linkage.MethodName(function)} at offset 0x{module.Bodies[i].Start:x} is malformed: {e.Message}", e);
            }

            functions.Add(new FunctionReport(function, linkage.MethodName(function), module.Bodies[i].Length, translator.Il.Length,
                translator.Il.Instructions, translator.Blocks, translator.Outlined.Count));
            for (int part = 0; part < translator.Outlined.Count; part++)
            {
                context.Outlined.Add((context.OutlinedName(function, part), translator.Outlined[part]));
            }

            context.Inlining.Add(translator.Calls);
            foreach (var kind in translator.Atomics.GroupBy(a => a))
            {
                var before = atomics.GetValueOrDefault(kind.Key);
                atomics[kind.Key] = new AtomicCount(before.Instructions + kind.Count(), before.Functions + 1);
            }

            bodyOffsets[i] = emitter.AddBody(translator.Il.Code, MaxStack(translator.Il.MaxStack), translator.IlLocals);
        }
    }

    private void TranslateOne(FunctionTranslator translator, int function)
    {
        if (context.Patches.For(function)?.TakeReplacement() is { } host)
        {
            translator.Forward(function, host);
            return;
        }

        translator.Translate(function);
        if (!translator.TooBig || translator.Blocks == 0 || options.KeepWhole.Contains(function))
        {
            return;
        }

        foreach (int minimum in OutlineSizes)
        {
            translator.Translate(function, minimum);
            if (!translator.TooBig)
            {
                return;
            }
        }
    }

    private void AddMethods(out int tableParts)
    {
        int defined = module.DefinedFunctionCount;
        for (int i = 0; i < defined; i++)
        {
            if (i % ModuleContext.MethodsPerType == 0)
            {
                emitter.DefineType(ModuleContext.TypeName(i), i + 1);
            }

            int function = i + module.ImportedFunctionCount;
            emitter.AddMethod(linkage.MethodName(function), emitter.Signature(module.TypeOf(function).Signature), bodyOffsets[i]);
        }

        emitter.DefineType("Thunks", defined + 1);
        var thunks = new ThunkBuilder(context);
        foreach (int import in context.Imports.Thunks)
        {
            emitter.AddMethod(module.FunctionImports[import].Name, emitter.Signature(module.TypeOf(import).Signature), thunks.Import(import),
                context.Imports.Host(import) is null ? MethodImplAttributes.NoInlining : MethodImplAttributes.IL);
        }

        emitter.DefineType("Locked", context.Locked.FirstRow);
        for (int i = 0; i < context.Locked.Hosts.Count; i++)
        {
            var host = context.Locked.Hosts[i];
            emitter.AddMethod($"{host.Method}_{i}", emitter.Signature(host.Signature), thunks.Locked(host));
        }

        emitter.DefineType(ModuleTranslator.InlinedType, context.FirstInlinedRow);
        foreach (int function in context.Inlining.Functions)
        {
            emitter.AddMethod(linkage.MethodName(function), emitter.Signature(module.TypeOf(function).Signature), bodyOffsets[function - module.ImportedFunctionCount],
                MethodImplAttributes.AggressiveInlining);
        }

        emitter.DefineType(ModuleContext.OutlinedType, context.FirstInlinedRow + context.Inlining.Functions.Count);
        foreach (var (name, method) in context.Outlined)
        {
            emitter.AddMethod(name, emitter.Signature(method.Signature), emitter.AddBody(method.Code, MaxStack(method.MaxStack), method.Locals),
                MethodImplAttributes.NoInlining);
        }

        emitter.DefineType("Init", context.NextOutlinedRow);
        tableParts = 0;
        foreach (var segment in module.Elements)
        {
            RequireBase(segment.Offset, "__table_base", "element segment", segment.Position);
            for (int start = 0; start < segment.Functions.Length; start += FunctionsPerInitialiser)
            {
                var part = segment.Functions.AsSpan(start, Math.Min(FunctionsPerInitialiser, segment.Functions.Length - start));
                int body = thunks.TableInitialiser(part, (int)segment.Offset.Value + start);
                emitter.AddMethod($"T{tableParts++}", emitter.RawSignature("vp"), body, MethodImplAttributes.NoOptimization);
            }
        }
    }

    /// <summary>Smaller values would do; 8 is what the short method header implies.</summary>
    private static int MaxStack(int needed) => Math.Max(8, needed + 1);

    /// <summary>Side modules' segments lie relative to their bases, a main program's at constants.</summary>
    private void RequireBase(ConstantExpression offset, string baseName, string what, int position)
    {
        bool matches = module.IsSideModule
            ? offset.Global >= 0 && module.Globals[offset.Global].Name == baseName
            : offset.Global < 0;
        if (!matches)
        {
            throw new WasmFormatException($"{what} is not placed at {(module.IsSideModule ? baseName : "a constant")}", position);
        }
    }

    // Whole pages before the first data, as the stack of a program is, are left out.
    private int MemoryStart()
    {
        long first = module.IsSideModule || module.Data.Count == 0 ? 0 : module.Data.Min(d => (uint)d.Offset.Value);
        return (int)(first & -InstanceLayout.PageSize);
    }

    private byte[] MemoryImage()
    {
        long start = MemoryStart(), end = start;
        foreach (var data in module.Data)
        {
            RequireBase(data.Offset, "__memory_base", "data segment", data.Contents.Start);
            end = Math.Max(end, (uint)data.Offset.Value + (long)data.Contents.Length);
        }

        if (end - start > Array.MaxLength)
        {
            throw new TranslationException($"initial data ends at {end}, beyond what one image can hold");
        }

        byte[] image = new byte[end - start];
        foreach (var data in module.Data)
        {
            module.Bytes.AsSpan(data.Contents.Start, data.Contents.Length).CopyTo(image.AsSpan((int)((uint)data.Offset.Value - start)));
        }

        return image;
    }

    private Dictionary<int, string> RaceSites()
    {
        var sites = new Dictionary<int, string>();
        foreach (string name in options.Variant.CheckRaces ? functions.Select(f => linkage.FunctionName(f.Index)).Concat(atomics.Keys) : [])
        {
            int site = FunctionTranslator.Site(name);
            if (!sites.TryAdd(site, name) && sites[site] != name)
            {
                throw new TranslationException($"{name} and {sites[site]} have one number for the checker of races");
            }
        }

        return sites;
    }

    private TranslationReport Report(IReadOnlyList<PatchReport> patches) => new()
    {
        Functions = functions.Count,
        ExportedFunctions = linkage.Exports.Count,
        WasmBytes = functions.Sum(f => (long)f.WasmBytes),
        ILBytes = functions.Sum(f => (long)f.ILBytes) + context.Outlined.Sum(o => (long)o.Method.Code.Length),
        Largest = [.. functions.OrderByDescending(f => f.Instructions).Take(25)],
        Outlined = [.. functions.Where(f => f.OutlinedParts > 0)],
        InlinedCalls = options.Inlined.Count,
        Atomics = atomics,
        RaceSites = RaceSites(),
        Imports = [.. context.Imports.Bindings, .. context.Globals.Bindings],
        Patches = patches,
        BoundedThroughTable = context.Recursion.ThroughTable,
        BoundedInCycles = [.. context.Recursion.InCycles.Select(linkage.MethodName)],
        SideGlobalsBottom = context.Globals.SideGlobalsBottom,
    };
}
