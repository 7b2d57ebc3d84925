using Pocketgres.Kernel.Programs;
using Pocketgres.Wasm;
using Pocketgres.Wasm.Tests.Support;

namespace Pocketgres.Kernel.Tests.Support;

/// <summary>A program of 64-bit addresses, whose main calls back into the test (<see cref="TestHost"/>).</summary>
internal static class TestProgram64
{
    public const int BreakVariable = 1024; // what emscripten_get_sbrk_ptr points to
    public const int RescheduleFlag = 1040;
    public const int StackTop = 0x80000;
    public const int Scratch = 0x100000;
    public const int HeapStart = 0x200000;
    public const int UserId = 70;
    public const int ChildSlot = 1; // begins a child: calls the test's main with (0, argument)

    private static readonly Lazy<ProgramImage> Shared = new(Build);

    public static ProgramImage Instance => Shared.Value;

    private static ProgramImage Build()
    {
        var b = new WasmBuilder { IsMemory64 = true, MemoryPages = 64, TableSize = 4 };
        int main = b.ImportFunction("ktest_main", "iij");
        int raise = b.ImportFunction("ktest_raise", "ii");
        b.Global('j', true, (long)StackTop);
        b.Function("v", _ => { }, "__wasm_call_ctors");
        b.Function("iij", c => c.Get(0).Get(1).Call(main), "__main_argc_argv");
        b.Function("j", c => c.I64(BreakVariable), "emscripten_get_sbrk_ptr");

        // A bump allocator: p = brk; brk = (p + size + 15) & -16; return p.
        int malloc = b.Function("jj", c =>
        {
            c.I64(BreakVariable).Memory(WasmOpcode.I64Load).Set(1);
            c.I64(BreakVariable).Get(1).Get(0).Op(WasmOpcode.I64Add).I64(15).Op(WasmOpcode.I64Add).I64(-16).Op(WasmOpcode.I64And).Memory(WasmOpcode.I64Store);
            c.Get(1);
        }, "malloc", "j");
        b.Function("jjj", c =>
        {
            // brk = (brk + alignment - 1) & -alignment; return malloc(size)
            c.I64(BreakVariable).I64(BreakVariable).Memory(WasmOpcode.I64Load).Get(0).Op(WasmOpcode.I64Add).I64(1).Op(WasmOpcode.I64Sub)
                .I64(0).Get(0).Op(WasmOpcode.I64Sub).Op(WasmOpcode.I64And).Memory(WasmOpcode.I64Store);
            c.Get(1).Call(malloc);
        }, "emscripten_builtin_memalign");
        b.Function("vj", _ => { }, "free");
        int raiseFunction = b.Function("ii", c => c.Get(0).Call(raise), "raise");
        int child = b.Function("vj", c => c.I32(0).Get(0).Call(main).Op(WasmOpcode.Drop));
        b.Elements(ChildSlot, [child]);
        b.Function("jj", c => c.Get(0).Memory(WasmOpcode.I64Load, 8), "load");
        b.Function("vjj", c => c.Get(0).Get(1).Memory(WasmOpcode.I64Store, 8), "store");
        b.Function("ijij", c => c.Get(0).Get(1).Get(2).Memory(WasmOpcode.AtomicWait32), "wait");
        b.Function("iji", c => c.Get(0).Get(1).Memory(WasmOpcode.AtomicNotify), "notify");
        b.Function("jj", c => c.Get(0).Op(WasmOpcode.MemoryGrow, 0), "grow");
        b.Data(BreakVariable, BitConverter.GetBytes((long)HeapStart));
        var (image, _) = ModuleFiles.Translate(b, "ktest_program64");
        return new ProgramImage(image, new ProgramAbi { RaiseFunction = raiseFunction, RescheduleFlag = RescheduleFlag, UserId = UserId }, _ => null);
    }
}
