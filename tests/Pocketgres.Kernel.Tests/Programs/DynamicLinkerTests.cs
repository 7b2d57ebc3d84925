using Pocketgres.Kernel.Programs;
using Pocketgres.Kernel.Syscalls;
using Pocketgres.Kernel.Tests.Support;
using Pocketgres.Wasm.Abi;
using Pocketgres.Wasm.Tests.Support;
using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Kernel.Tests.Programs;

/// <summary>dlopen(3), dlsym(3) and dlerror(3) with side modules.</summary>
public sealed unsafe class DynamicLinkerTests
{
    private const int Dso = TestProgram.Scratch, OtherDso = Dso + 4096, Name = Dso + 8192;
    private const int MemoryBase = 0, TableBase = 1; // globals of every side module here
    private static int s_modules; // names of translated modules must be unique in the .NET process

    [Fact]
    public void A_module_finds_its_data_its_functions_and_those_of_main()
    {
        var b = Side(memory: 300, table: 1);
        int mainVariable = b.ImportGlobal("GOT.mem", "main_variable", mutable: true);
        int ownVariable = b.ImportGlobal("GOT.mem", "own_variable", mutable: true);
        int mainSlotted = b.ImportGlobal("GOT.func", "answer", mutable: true);
        int mainUnslotted = b.ImportGlobal("GOT.func", "without_slot", mutable: true);
        int ownSlotted = b.ImportGlobal("GOT.func", "own", mutable: true);
        int ownUnslotted = b.ImportGlobal("GOT.func", "own_unslotted", mutable: true);
        int functionAsData = b.ImportGlobal("GOT.mem", "answer", mutable: true);
        int missing = b.ImportGlobal("GOT.func", "nowhere", mutable: true);
        int missingData = b.ImportGlobal("GOT.mem", "nowhere_either", mutable: true);
        int counter = b.Global('i', true, 10);
        b.Dylink(300, 4, 1, weak: ["nowhere", "nowhere_either"]);
        int answer = b.ImportFunction("answer", "i");
        b.Global('i', false, 16, "own_variable");
        b.Data(16, [5, 0, 0, 0, .. new byte[279], 9], MemoryBase);
        int own = b.Function("i", c => c.I32(101), "own");
        b.Function("i", c => c.I32(102), "own_unslotted");
        b.Elements(0, [own], TableBase);
        b.Function("v", c => c.Op(GlobalGet, MemoryBase).I32(1).Memory(I32Store, 0), "__wasm_apply_data_relocs");
        b.Function("v", c => c.Op(GlobalGet, MemoryBase).Op(GlobalGet, MemoryBase).Memory(I32Load, 0).I32(1).Op(I32Add).Memory(I32Store, 4), "__wasm_call_ctors");
        b.Function("i", c => c.Call(answer), "direct");
        int type = b.Type("i");
        foreach (var (name, global) in new[] { ("via_main_slotted", mainSlotted), ("via_main", mainUnslotted), ("via_own", ownSlotted), ("via_own_unslotted", ownUnslotted), ("via_data", functionAsData) })
        {
            b.Function("i", c => c.Op(GlobalGet, global).CallIndirect(type), name);
        }

        b.Function("i", c => c.Op(GlobalGet, mainVariable).Memory(I32Load), "read_main");
        b.Function("i", c => c.Op(GlobalGet, ownVariable).Memory(I32Load), "read_own");
        b.Function("i", c => c.Op(GlobalGet, missing).Op(GlobalGet, missingData).Op(I32Or), "weak");
        b.Function("i", c => c.Op(GlobalGet, counter).I32(1).Op(I32Add).Op(GlobalSet, counter).Op(GlobalGet, counter), "count");
        var program = Program(b, "library");
        using var kernel = new TestKernel(program);
        kernel.Run(p =>
        {
            byte* m = p.Memory;
            int slots = p.Linker.TableLength;
            Assert.Equal(1, Open(p, "/lib/postgresql/library.so"));
            int memoryBase = Symbol(p, "own_variable") - 16;
            Assert.Equal(0, memoryBase % 16);
            Assert.Equal((1, 2), (*(int*)(m + memoryBase), *(int*)(m + memoryBase + 4))); // relocations first, then constructors
            Assert.Equal((5, 9), (m[memoryBase + 16], m[memoryBase + 299]));
            Assert.Equal(slots, Symbol(p, "own"));
            foreach (var (name, result) in new[]
            {
                ("direct", 42), ("via_main_slotted", 42), ("via_main", 43), ("via_own", 101), ("via_own_unslotted", 102), ("via_data", 42),
                ("read_main", 77), ("read_own", 5), ("weak", 0), ("count", 11), ("own", 101), ("own_unslotted", 102),
            })
            {
                Assert.True(result == Call(p, name), name);
            }

            Assert.Equal(Symbol(p, "own_unslotted"), Symbol(p, "own_unslotted")); // one address for one function
            Assert.Equal(0, Symbol(p, "not_there"));
            Assert.Contains("not_there", ((GuestState)p.Tag!).DlError, StringComparison.Ordinal);
            int stack = p.StackPointer;
            Symbol(p, "not_there_either");
            Assert.Equal(stack, p.StackPointer);
        });
    }

    [Fact]
    public void Loading_twice_gives_the_same_module()
    {
        var b = Side(memory: 16, table: 0);
        int counter = b.Global('i', true, 0);
        b.Function("i", c => c.Op(GlobalGet, counter).I32(1).Op(I32Add).Op(GlobalSet, counter).Op(GlobalGet, counter), "count");
        using var kernel = new TestKernel(Program(b, "twice"));
        kernel.Run(p =>
        {
            byte* m = p.Memory;
            Assert.Equal(1, Open(p, "/lib/twice.so"));
            Assert.Equal(1, Call(p, "count"));
            int brk = p.Linker.BreakAddress(), table = p.Linker.TableLength;
            Assert.Equal(1, Open(p, "/elsewhere/twice.so", OtherDso));
            Assert.Equal(Symbol(p, "count"), Symbol(p, "count", OtherDso));
            Assert.Equal(2, Call(p, "count", OtherDso));
            Assert.Equal((brk, table), (p.Linker.BreakAddress(), p.Linker.TableLength));
        });
    }

    [Fact]
    public void A_module_uses_variables_and_functions_of_one_loaded_before()
    {
        var first = Side(memory: 64, table: 0);
        first.Global('i', false, 32, "first_variable");
        first.Data(32, [7, 0, 0, 0], MemoryBase);
        first.Function("i", c => c.I32(201), "first_function");
        var second = Side(memory: 0, table: 0);
        int variable = second.ImportGlobal("GOT.mem", "first_variable", mutable: true);
        int function = second.ImportGlobal("GOT.func", "first_function", mutable: true);
        second.Function("i", c => c.Op(GlobalGet, variable).Memory(I32Load), "read");
        second.Function("i", c => c.Op(GlobalGet, function).CallIndirect(second.Type("i")), "call");
        var (one, _) = ModuleFiles.Translate(first, UniqueName("first"), TestProgram.Linkage);
        var (two, _) = ModuleFiles.Translate(second, UniqueName("second"), TestProgram.Linkage, one.Manifest.MemoryBaseSlot);
        using var kernel = new TestKernel(TestProgram.With(("first", one), ("second", two)));
        kernel.Run(p =>
        {
            Assert.Equal(0, Open(p, "second.so")); // not without the first
            Assert.Contains("first_variable", ((GuestState)p.Tag!).DlError, StringComparison.Ordinal);
            Assert.Contains("first_function", ((GuestState)p.Tag!).DlError, StringComparison.Ordinal);
            Assert.Equal(1, Open(p, "first.so"));
            Assert.Equal(1, Open(p, "second.so", OtherDso));
            Assert.Equal((7, 201), (Call(p, "read", OtherDso), Call(p, "call", OtherDso)));
            Assert.Equal(201, ((delegate*<byte*, int>)FunctionTable.Get(p.Memory, Symbol(p, "first_function")))(p.Memory));
        });

        // A library that names the other as needed brings it along.
        var needy = Side(memory: 0, table: 0);
        needy.Dylink(0, 0, 0, needed: ["first.so"]);
        int through = needy.ImportGlobal("GOT.func", "first_function", mutable: true);
        needy.Function("i", c => c.Op(GlobalGet, through).CallIndirect(needy.Type("i")), "call");
        var (three, _) = ModuleFiles.Translate(needy, UniqueName("needy"), TestProgram.Linkage, two.Manifest.MemoryBaseSlot);
        using var other = new TestKernel(TestProgram.With(("first", one), ("needy", three)));
        other.Run(p =>
        {
            Assert.Equal(1, Open(p, "needy.so"));
            Assert.Equal(201, Call(p, "call"));
        });
        using var alone = new TestKernel(TestProgram.With(("needy", three)));
        alone.Run(p =>
        {
            Assert.Equal(0, Open(p, "needy.so"));
            Assert.Contains("first.so", ((GuestState)p.Tag!).DlError, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void What_is_missing_is_named_and_costs_nothing()
    {
        var imports = Side(memory: 64, table: 3);
        int function = imports.ImportFunction("missing_import", "i");
        imports.Function("i", c => c.Call(function), "run");
        var offsets = Side(memory: 64, table: 3);
        offsets.ImportGlobal("GOT.mem", "missing_variable", mutable: true);
        offsets.ImportGlobal("GOT.func", "missing_function", mutable: true);
        offsets.Function("i", c => c.I32(1), "run");
        var (one, _) = ModuleFiles.Translate(imports, UniqueName("imports"), TestProgram.Linkage);
        var (two, _) = ModuleFiles.Translate(offsets, UniqueName("offsets"), TestProgram.Linkage);
        using var kernel = new TestKernel(TestProgram.With(("imports", one), ("offsets", two)));
        kernel.Run(p =>
        {
            var state = (GuestState)p.Tag!;
            int brk = p.Linker.BreakAddress(), table = p.Linker.TableLength;
            foreach (var (library, symbols) in new (string, string[])[]
            {
                ("imports.so", ["missing_import"]), ("offsets.so", ["missing_variable", "missing_function"]), ("/lib/not_installed.so", ["/lib/not_installed.so"]),
            })
            {
                state.DlError = null;
                Assert.Equal(0, Open(p, library));
                Assert.All(symbols, s => Assert.Contains(s, state.DlError, StringComparison.Ordinal));
                Assert.Contains(library, state.DlError, StringComparison.Ordinal);
                Assert.Equal(0, Symbol(p, "run"));
            }

            Assert.Equal((brk, table), (p.Linker.BreakAddress(), p.Linker.TableLength));
        });
    }

    [Fact]
    public void A_module_whose_files_somebody_removed_is_an_error_of_dlopen()
    {
        var b = Side(memory: 64, table: 1);
        b.Data(0, [1, 2, 3], MemoryBase);
        var image = ModuleFiles.Translate(b, UniqueName("removed"), TestProgram.Linkage).Image;
        File.Delete(image.DataPath);
        using var kernel = new TestKernel(TestProgram.With(("removed", image)));
        kernel.Run(p =>
        {
            Assert.Equal(0, Open(p, "/lib/removed.so"));
            Assert.Contains(image.DataPath, ((GuestState)p.Tag!).DlError, StringComparison.Ordinal);
        });
    }

    [Fact]
    public void A_module_loaded_before_fork_works_in_the_child_with_a_copy_of_its_data()
    {
        var b = Side(memory: 64, table: 1);
        int counter = b.Global('i', true, 0);
        int inTable = b.Function("i", c => c.I32(55), "in_table");
        b.Elements(0, [inTable], TableBase);
        b.Function("i", c => c.Op(GlobalGet, counter).I32(1).Op(I32Add).Op(GlobalSet, counter).Op(GlobalGet, counter), "count");
        b.Function("i", c => c.I32(56), "late");
        using var kernel = new TestKernel(Program(b, "forked"));
        kernel.Run(p =>
        {
            Assert.Equal(1, Open(p, "forked.so"));
            Assert.Equal(1, Call(p, "count"));
            Fork(p, c =>
            {
                Assert.Equal(2, Call(c, "count"));
                Assert.Equal(55, Call(c, "in_table"));
                Assert.Equal(1, Open(c, "forked.so", OtherDso));
                Assert.Equal(Symbol(c, "in_table"), Symbol(c, "in_table", OtherDso));
                Assert.Equal(56, Call(c, "late")); // appends to the child's table only
            });
            Assert.Equal(2, Call(p, "count"));
            int length = p.Linker.TableLength;
            Assert.Equal(length, Symbol(p, "late"));
            Assert.Equal(56, Call(p, "late"));
        });

        // And one loaded only in the child is unknown to the parent.
        kernel.Run(p =>
        {
            int length = p.Linker.TableLength;
            Fork(p, c => Assert.Equal(1, Open(c, "forked.so")));
            Assert.Equal(length, p.Linker.TableLength);
            Assert.Equal(0, Symbol(p, "count"));
            Assert.Equal(1, Open(p, "forked.so"));
            Assert.Equal(1, Call(p, "count"));
        });
    }

    [Fact]
    public void A_full_function_table_is_an_error()
    {
        var b = Side(memory: 64, table: 100);
        b.Function("i", c => c.I32(1), "run");
        using var kernel = new TestKernel(Program(b, "big"));
        kernel.Run(p =>
        {
            nint code = p.Export("answer"), other = 0; // each function has one slot: the others are never called
            int brk = p.Linker.BreakAddress();
            while (p.Linker.TableLength < InstanceLayout.TableSlots - 99)
            {
                p.Linker.AppendFunction(++other);
            }

            Assert.Equal(0, Open(p, "big.so"));
            Assert.Contains("table is full", ((GuestState)p.Tag!).DlError, StringComparison.Ordinal);
            Assert.Equal(brk, p.Linker.BreakAddress());
            while (p.Linker.TableLength < InstanceLayout.TableSlots - 1)
            {
                p.Linker.AppendFunction(++other);
            }

            int last = p.Linker.AppendFunction(code);
            Assert.Equal(InstanceLayout.TableSlots - 1, last);
            Assert.Throws<DynamicLinkException>(() => p.Linker.AppendFunction(++other));
            Assert.Equal(42, ((delegate*<byte*, int>)FunctionTable.Get(p.Memory, InstanceLayout.TableSlots - 1))(p.Memory));
        });
    }

    [Fact]
    public void Two_kernels_load_the_same_module_independently()
    {
        var b = Side(memory: 16, table: 0);
        int counter = b.Global('i', true, 0);
        b.Function("i", c => c.Op(GlobalGet, counter).I32(1).Op(I32Add).Op(GlobalSet, counter).Op(GlobalGet, counter), "count");
        var program = Program(b, "both");
        using var one = new TestKernel(program);
        using var two = new TestKernel(program);
        foreach (var kernel in new[] { one, two, one })
        {
            kernel.Run(p =>
            {
                Assert.Equal(1, Open(p, "both.so"));
                Assert.Equal(1, Call(p, "count"));
            });
        }
    }

    private static void Fork(Process p, Action<Process> body)
    {
        var child = p.Fork("child", new GuestState(), body);
        Assert.Equal(0, p.Kernel.Processes.Wait(p, child.Pid));
    }

    private static WasmBuilder Side(int memory, int table)
    {
        var b = new WasmBuilder { MemoryPages = null };
        b.ImportGlobal("env", "__memory_base");
        b.ImportGlobal("env", "__table_base");
        b.ImportGlobal("env", "__stack_pointer", mutable: true);
        b.Dylink(memory, 4, table);
        return b;
    }

    private static ProgramImage Program(WasmBuilder side, string name) =>
        TestProgram.With((name, ModuleFiles.Translate(side, UniqueName(name), TestProgram.Linkage).Image));

    private static string UniqueName(string name) => $"ktest_{name}_{Interlocked.Increment(ref s_modules)}";

    private static int Open(Process p, string path, int dso = Dso)
    {
        new Calls(p).Text(path, dso + 36);
        return ProcessCalls.DlOpen(p.Memory, dso);
    }

    private static int Symbol(Process p, string name, int dso = Dso) => ProcessCalls.DlSym(p.Memory, dso, new Calls(p).Text(name, Name), 0);

    private static int Call(Process p, string name, int dso = Dso)
    {
        int pointer = Symbol(p, name, dso);
        Assert.True(pointer != 0, $"no symbol {name}");
        return ((delegate*<byte*, int>)FunctionTable.Get(p.Memory, pointer))(p.Memory);
    }
}
