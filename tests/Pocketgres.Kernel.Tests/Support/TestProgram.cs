using System.Text;
using Pocketgres.Kernel.Programs;
using Pocketgres.Wasm;
using Pocketgres.Wasm.Tests.Support;

namespace Pocketgres.Kernel.Tests.Support;

/// <summary>
/// The program that test processes run: a module assembled and translated here, whose main, signal handlers and preemption points
/// call back into the test (<see cref="TestHost"/>). All tests share one translation.
/// </summary>
internal static class TestProgram
{
    // Linear memory of the program.
    public const int BreakVariable = 1024; // what emscripten_get_sbrk_ptr points to
    public const int RescheduleFlag = 1040;
    public const int ConstructorMark = 1044;
    public const int StartMark = 1048;
    public const int Variable = 1052; // exported as "main_variable", initially 77
    public const int SpinCounter = 1056;
    public const int Image = 0x2000, ImageLength = 0x3123; // data that does not end at a page
    public const int StackTop = 0x80000;
    public const int Scratch = 0x100000; // not used by the program itself, but below the break: fork inherits it
    public const int HeapStart = 0x200000;
    public const int Pages = 64;
    public const int AnswerSlot = 1;

    private static readonly Lazy<Built> Shared = new(Build);

    /// <summary>The program without side modules.</summary>
    public static ProgramImage Instance => Shared.Value.Program;

    /// <summary>The same without a raise function: signals have their default actions.</summary>
    public static ProgramImage WithoutHandlers => Shared.Value.WithoutHandlers;

    public static ModuleImage Main => Shared.Value.Main;

    public static ModuleLinkage Linkage => Shared.Value.Linkage;

    /// <summary>The translated main module's data.</summary>
    public static byte ImageByte(int offset) => (byte)((offset * 7) + (offset >> 8) + 1);

    private sealed record Built(ModuleImage Main, ModuleLinkage Linkage, ProgramImage Program, ProgramImage WithoutHandlers);

    private static Built Build()
    {
        var b = new WasmBuilder { MemoryPages = Pages, TableSize = 4 };
        int main = b.ImportFunction("ktest_main", "iii");
        int raise = b.ImportFunction("ktest_raise", "ii");
        int dlError = b.ImportFunction("ktest_dlerror", "vii");
        int preempt = b.ImportFunction("ktest_preempt", "v");
        b.Global('i', true, StackTop);
        b.Function("v", c => Store(c, ConstructorMark, 0x600D), "__wasm_call_ctors");
        b.Function("iii", c => c.Get(0).Get(1).Call(main), "__main_argc_argv");
        b.Function("i", c => c.I32(BreakVariable), "emscripten_get_sbrk_ptr");
        int malloc = b.Function("ii", Malloc, "malloc", "i");
        b.Function("iii", c => c.Get(0).Get(1).Op(WasmOpcode.I32Mul).Call(malloc), "calloc");
        b.Function("iii", c =>
        {
            // brk = (brk + alignment - 1) & -alignment; return malloc(size)
            c.I32(BreakVariable).I32(BreakVariable).Memory(WasmOpcode.I32Load).Get(0).Op(WasmOpcode.I32Add).I32(1).Op(WasmOpcode.I32Sub)
                .I32(0).Get(0).Op(WasmOpcode.I32Sub).Op(WasmOpcode.I32And).Memory(WasmOpcode.I32Store);
            c.Get(1).Call(malloc);
        }, "emscripten_builtin_memalign");
        b.Function("vi", _ => { }, "free");
        int raiseFunction = b.Function("ii", c => c.Get(0).Call(raise), "raise");
        b.Function("vii", c => c.Get(0).Get(1).Call(dlError), "__dl_seterr");
        int answer = b.Function("i", c => c.I32(42), "answer");
        b.Function("i", c => c.I32(43), "without_slot");
        void CallSlot(Code c) => c.Get(0).CallIndirect(b.Type("i"));
        int callSlot = b.Function("ii", CallSlot, "call_slot");
        b.Function("vj", c => Spin(c, preempt), "spin");
        b.Function("v", c => c.Op(WasmOpcode.Unreachable), "trap");
        b.Function("iii", c => c.Get(0).Get(1).Op(WasmOpcode.I32DivS), "divide");
        b.Function("ii", c => c.Get(0).Memory(WasmOpcode.I32Load), "load");
        b.Function("ii", c => c.Get(0).Memory(WasmOpcode.I32Load, uint.MaxValue), "load_far");
        b.Function("vii", c => c.Get(0).Get(1).Memory(WasmOpcode.I32Store), "store");
        b.Function("viii", c => c.Get(0).Get(1).Get(2).Op(WasmOpcode.MemoryCopy, 0).U32(0u), "copy");
        int fill = b.Function("viii", c => c.Get(0).Get(1).Get(2).Op(WasmOpcode.MemoryFill, 0), "fill");
        int dive = fill + 1; // n == 0 ? 0 : dive(n - 1) + 1
        b.Function("ii", c => c.Get(0).If('i', then => then.Get(0).I32(1).Op(WasmOpcode.I32Sub).Call(dive).I32(1).Op(WasmOpcode.I32Add), otherwise => otherwise.I32(0)), "dive");
        b.Function("vi", c => Await(c, loop => loop.I32(AnswerSlot).Call(callSlot).Op(WasmOpcode.Drop)), "await");
        int allocate = b.Function("v", _ => { });
        b.Function("vi", c => Await(c, loop => loop.Call(allocate)), "await_allocating");
        int compute = b.Function("vi", c => Await(c, Count), "await_computing", "i");
        int callSlotInLibrary = b.Function("ii", CallSlot);
        b.Function("vi", c => Await(c, loop => loop.I32(AnswerSlot).Call(callSlotInLibrary).Op(WasmOpcode.Drop)), "await_in_library");
        b.Function("vi", c => Await(c, Count), "await_computing_in_library", "i");
        int start = b.Function("v", c => Store(c, StartMark, 0x57A7));
        b.Start(start);
        b.Elements(AnswerSlot, [answer]);
        b.Global('i', false, Variable, "main_variable");
        b.Data(BreakVariable, BitConverter.GetBytes(HeapStart));
        b.Data(Variable, BitConverter.GetBytes(77));
        b.Data(Image, [.. Enumerable.Range(0, ImageLength).Select(ImageByte)]);
        var (image, linkage) = ModuleFiles.Translate(b, "ktest_program", interrupts: new InterruptFacts(new HashSet<int> { allocate }, new HashSet<int>(), [compute..(compute + 1)], callSlotInLibrary));
        var abi = new ProgramAbi { RaiseFunction = raiseFunction, RescheduleFlag = RescheduleFlag };
        return new Built(image, linkage, new ProgramImage(image, abi, _ => null), new ProgramImage(image, abi with { RaiseFunction = -1 }, _ => null));
    }

    private static void Store(Code c, int address, int value) => c.I32(address).I32(value).Memory(WasmOpcode.I32Store);

    // A bump allocator that grows memory: p = brk; brk = (p + size + 15) & -16; return p.
    private static void Malloc(Code c)
    {
        c.I32(BreakVariable).Memory(WasmOpcode.I32Load).Set(1);
        c.I32(BreakVariable).Get(1).Get(0).Op(WasmOpcode.I32Add).I32(15).Op(WasmOpcode.I32Add).I32(-16).Op(WasmOpcode.I32And).Memory(WasmOpcode.I32Store);
        c.I32(BreakVariable).Memory(WasmOpcode.I32Load).Op(WasmOpcode.MemorySize, 0).I32(16).Op(WasmOpcode.I32Shl).Op(WasmOpcode.I32GtU);
        c.If('v', then => then
            .I32(BreakVariable).Memory(WasmOpcode.I32Load).I32(65535).Op(WasmOpcode.I32Add).I32(16).Op(WasmOpcode.I32ShrU)
            .Op(WasmOpcode.MemorySize, 0).Op(WasmOpcode.I32Sub).Op(WasmOpcode.MemoryGrow, 0).Op(WasmOpcode.Drop));
        c.Get(1);
    }

    // while (*flag == 0) turn();
    private static void Await(Code c, Action<Code> turn) => c.Block(WasmOpcode.Loop, 'v', loop =>
    {
        turn(loop);
        loop.Get(0).Memory(WasmOpcode.I32Load).Op(WasmOpcode.I32Eqz).BrIf(0);
    });

    // for (i = 100; i != 0; i--);
    private static void Count(Code c) => c.I32(100).Set(1).Block(WasmOpcode.Loop, 'v', loop => loop.Get(1).I32(1).Op(WasmOpcode.I32Sub).Tee(1).BrIf(0));

    // while (n-- != 0) { counter++; if (reschedule) preempt(); }
    private static void Spin(Code c, int preempt) => c.Block(WasmOpcode.Block, 'v', outer => outer.Block(WasmOpcode.Loop, 'v', loop =>
    {
        loop.Get(0).Op(WasmOpcode.I64Eqz).BrIf(1);
        loop.Get(0).I64(1).Op(WasmOpcode.I64Sub).Set(0);
        loop.I32(SpinCounter).I32(SpinCounter).Memory(WasmOpcode.I32Load).I32(1).Op(WasmOpcode.I32Add).Memory(WasmOpcode.I32Store);
        loop.I32(RescheduleFlag).Memory(WasmOpcode.I32Load);
        loop.If('v', then => then.Call(preempt));
        loop.Br(0);
    }));

    /// <summary>A program with the same main module and these side modules.</summary>
    public static ProgramImage With(params (string Name, ModuleImage Image)[] sideModules) =>
        new(Main, Instance.Abi, name => Array.Find(sideModules, s => s.Name == name).Image);

    /// <summary>The same program, which is told when the stack of its thread is full.</summary>
    public static ProgramImage WithStackLimit(Action<Process> reached) => new(Main, Instance.Abi with { StackLimitReached = reached }, _ => null);

    /// <summary>The same program, which is told when it has not looked for signals for a while.</summary>
    public static ProgramImage WithInterrupts(Action<Process> interrupted) => new(Main, Instance.Abi with { Interrupted = interrupted }, _ => null);

    /// <summary>UTF-8 with a NUL.</summary>
    public static byte[] CText(string text) => [.. Encoding.UTF8.GetBytes(text), 0];
}
