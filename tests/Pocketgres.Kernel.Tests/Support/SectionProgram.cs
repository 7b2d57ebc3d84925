using Pocketgres.Kernel.Programs;
using Pocketgres.Wasm;
using Pocketgres.Wasm.Tests.Support;

namespace Pocketgres.Kernel.Tests.Support;

/// <summary>
/// A program with private functions, and every way out of them. <c>Private</c> functions call nothing but each other, except where they leave; all
/// others tell <see cref="SectionHost"/> that they run.
/// </summary>
internal static class SectionProgram
{
    public const int RescheduleFlag = 1040;
    public const int Shared = 0x180000, SharedLength = 0x10000;
    public const int OpenSlot = 1, StarterSlot = 2, ReplacedSlot = 3;

    private static readonly Lazy<ProgramImage> Translated = new(Build);

    public static ProgramImage Image => Translated.Value;

    private static ProgramImage Build()
    {
        var b = new WasmBuilder { MemoryPages = 64, TableSize = 4 };
        int main = b.ImportFunction("ktest_main", "iii");
        int raise = b.ImportFunction("ktest_raise", "ii");
        int report = b.ImportFunction("ktest_section_report", "ii");
        int preempt = b.ImportFunction("ktest_preempt", "v");
        b.Global('i', true, 0x80000);
        b.Function("v", _ => { }, "__wasm_call_ctors");
        b.Function("iii", c => c.Get(0).Get(1).Call(main), "__main_argc_argv");
        b.Function("i", c => c.I32(1024), "emscripten_get_sbrk_ptr");
        b.Function("ii", c => c.I32(0x200000), "malloc");
        b.Function("iii", c => c.I32(0x200000), "calloc");
        b.Function("iii", c => c.I32(0x200000), "emscripten_builtin_memalign");
        b.Function("vi", _ => { }, "free");
        int raiseFunction = b.Function("ii", c => c.Get(0).Call(raise), "raise");

        // Not private: report, whose argument says how it was reached.
        int open = b.Function("ii", c => c.Get(0).Call(report));
        b.Export("open", open);

        // Replaced by the host: it still takes the lock when it is called through the table.
        int replaced = b.Function("ii", c => c.Get(0));

        // Private: the hook of "begin" starts a section, so it is a starter, and so is who calls it.
        int begin = b.Function("ii", c => c.Get(0));
        int starter = b.Function("ii", c => c.Get(0).Call(begin));
        int spin = b.Function("ii", Spin(preempt, begin)); // until the shared word is not 0
        int add = b.Function("iii", c => c.Get(0).Get(1).Op(WasmOpcode.I32Add));

        int callsOpen = b.Function("ii", c => c.Get(0).Call(begin).I32(100).Op(WasmOpcode.I32Add).Call(open));
        int callsByTable = b.Function("ii", c => c.Get(0).Call(begin).I32(200).Op(WasmOpcode.I32Add).I32(OpenSlot).CallIndirect(b.Type("ii")));
        int callsReplaced = b.Function("ii", c => c.Get(0).Call(begin).I32(700).Op(WasmOpcode.I32Add).I32(ReplacedSlot).CallIndirect(b.Type("ii")));
        int callsHost = b.Function("ii", c => c.Get(0).Call(begin).I32(300).Op(WasmOpcode.I32Add).Call(report));

        // The argument itself begins a section: the lock is taken after it was computed.
        int callsWithStarter = b.Function("ii", c => c.I32(400).Get(0).Call(starter).Call(add).Call(open));
        int spins = b.Function("ii", c => c.Get(0).Call(begin).Call(spin));
        int traps = b.Function("ii", c => c.Get(0).Call(begin).Op(WasmOpcode.Unreachable));
        int loads = b.Function("ii", c => c.Get(0).Call(begin).Memory(WasmOpcode.I32Load));
        int[] privateFunctions = [begin, starter, spin, add, callsOpen, callsByTable, callsReplaced, callsHost, callsWithStarter, spins, traps, loads];

        // Not private, called by the test: each calls private code and then reports what it returned.
        foreach (var (name, function) in new[] { ("open_call", callsOpen), ("by_table", callsByTable), ("replaced", callsReplaced), ("host", callsHost), ("argument", callsWithStarter),
            ("spins", spins), ("traps", traps), ("loads", loads) })
        {
            b.Function("ii", c => c.Get(0).Call(function).Call(report), name);
        }

        b.Function("ii", c => c.Get(0).Call(starter).I32(500).Op(WasmOpcode.I32Add).Call(report), "returns");
        b.Function("ii", c => c.Get(0).I32(StarterSlot).CallIndirect(b.Type("ii")).I32(600).Op(WasmOpcode.I32Add).Call(report), "returns_by_table");
        b.Function("ii", c => c.Get(0).I32(800).Op(WasmOpcode.I32Add).I32(ReplacedSlot).CallIndirect(b.Type("ii")), "replaced_with_lock");
        b.Elements(OpenSlot, [open, starter, replaced]);
        b.Data(1024, BitConverter.GetBytes(0x200000));
        var patches = new ModulePatches
        {
            new EntryHook("begin", begin, "ktest_section_begin"),
            new FunctionReplacement("replaced", replaced, "ktest_section_report"),
        };
        var code = new PrivateCode(privateFunctions.ToHashSet(), privateFunctions.Except([add]).ToHashSet(), null, new HashSet<int>());
        var (image, _) = ModuleFiles.Translate(b, "ktest_sections", patches, code);
        return new ProgramImage(image, new ProgramAbi { RaiseFunction = raiseFunction, RescheduleFlag = RescheduleFlag }, _ => null);
    }

    // while (*(int *)Shared == 0) if (reschedule) { preempt(); begin(0); } return n;
    // Whoever waited for the lock just before the section may have asked for it: that ends the section, and another begins.
    private static Action<Code> Spin(int preempt, int begin) => c =>
    {
        c.Block(WasmOpcode.Block, 'v', outer => outer.Block(WasmOpcode.Loop, 'v', loop =>
        {
            loop.I32(Shared).Memory(WasmOpcode.I32Load).BrIf(1);
            loop.I32(RescheduleFlag).Memory(WasmOpcode.I32Load).If('v', then => then.Call(preempt).I32(0).Call(begin).Op(WasmOpcode.Drop));
            loop.Br(0);
        }));
        c.Get(0);
    };
}

/// <summary>What the program with private functions imports.</summary>
public static unsafe class SectionHost
{
    /// <summary>Begins a private section.</summary>
    [HostFunction("ktest_section_begin")]
    public static void Begin(byte* m) => Process.From(m).BeginPrivateSection();

    /// <summary>Called by code that is not private: notes whether the process has the lock.</summary>
    [HostFunction("ktest_section_report")]
    public static int Report(byte* m, int value)
    {
        var process = Process.From(m);
        bool hasLock = process.Kernel.Scheduler.Current == process && !process.InPrivateSection;
        ((GuestState)process.Tag!).Reports.Add((value, hasLock));
        return value;
    }
}
