using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Programs;
using Pocketgres.Kernel.Syscalls;
using Pocketgres.Kernel.Tests.Support;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Tests.Programs;

/// <summary>Loading the main module, argv, environment, standard descriptors.</summary>
public sealed unsafe class ProgramStartTests
{
    [Fact]
    public void The_data_image_is_in_place_and_start_function_and_constructors_ran()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            byte* m = p.Memory;
            Assert.Equal((0x57A7, 0x600D), (*(int*)(m + TestProgram.StartMark), *(int*)(m + TestProgram.ConstructorMark)));
            Assert.Equal(77, *(int*)(m + TestProgram.Variable));
            for (int i = 0; i < TestProgram.ImageLength; i++)
            {
                Assert.Equal(TestProgram.ImageByte(i), m[TestProgram.Image + i]);
            }

            Assert.False(new Span<byte>(m + TestProgram.Image + TestProgram.ImageLength, 0x4000).ContainsAnyExcept((byte)0));
        });
    }

    [Fact]
    public void Functions_are_called_by_export_and_through_the_table()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            byte* m = p.Memory;
            Assert.Equal(42, ((delegate*<byte*, int>)p.Export("answer"))(m));
            Assert.Equal(42, ((delegate*<byte*, int>)FunctionTable.Get(m, TestProgram.AnswerSlot))(m));
            Assert.Equal(42, ((delegate*<byte*, int, int>)p.Export("call_slot"))(m, TestProgram.AnswerSlot));
            Assert.Throws<MissingMethodException>(() => p.Export("nonexistent"));
            int pointer = p.Linker.AppendFunction(p.Export("without_slot"));
            Assert.True(pointer > TestProgram.AnswerSlot);
            Assert.Equal(43, ((delegate*<byte*, int, int>)p.Export("call_slot"))(m, pointer));
            Assert.Throws<TrapException>(() => ((delegate*<byte*, int, int>)p.Export("call_slot"))(p.Memory, 0));
        });
    }

    [Fact]
    public void Arguments_are_on_the_stack()
    {
        using var kernel = new TestKernel();
        string[] arguments = ["program", "", "a b", "--größe=1", new string('x', 5000)];
        kernel.Finish(kernel.Start((p, argc, argv) =>
        {
            byte* m = p.Memory;
            Assert.Equal(arguments.Length, argc);
            Assert.Equal(0, argv % 4);
            Assert.Equal(arguments, Enumerable.Range(0, argc).Select(i => CString.Read(p.Memory, *(int*)(p.Memory + argv + (4 * i)))));
            Assert.Equal(0, *(int*)(m + argv + (4 * argc)));
            Assert.True(p.StackPointer <= *(int*)(m + argv) && p.StackPointer % 16 == 0 && argv < TestProgram.StackTop);
        }, arguments: arguments));
    }

    [Fact]
    public void The_environment_is_given_as_wasi_has_it()
    {
        using var kernel = new TestKernel();
        string[] environment = ["PATH=/bin", "EMPTY=", "NAME=größe"];
        kernel.Finish(kernel.Start((p, _, _) =>
        {
            byte* m = p.Memory;
            const int at = TestProgram.Scratch, pointers = at + 16, buffer = at + 64;
            Assert.Equal(0, ProcessCalls.EnvironmentSizes(m, at, at + 4));
            int size = environment.Sum(e => TestProgram.CText(e).Length);
            Assert.Equal((3, size), (*(int*)(m + at), *(int*)(m + at + 4)));
            new Span<byte>(m + buffer, size + 1).Fill(0xEE);
            Assert.Equal(0, ProcessCalls.EnvironmentGet(m, pointers, buffer));
            Assert.Equal(environment, Enumerable.Range(0, 3).Select(i => CString.Read(p.Memory, *(int*)(p.Memory + pointers + (4 * i)))));
            Assert.Equal(0xEE, m[buffer + size]);
        }, environment: environment));
        kernel.Run(p =>
        {
            Assert.Equal(0, ProcessCalls.EnvironmentSizes(p.Memory, TestProgram.Scratch, TestProgram.Scratch + 4));
            Assert.Equal((0, 0), (*(int*)(p.Memory + TestProgram.Scratch), *(int*)(p.Memory + TestProgram.Scratch + 4)));
        });
    }

    [Fact]
    public void A_process_starts_with_the_standard_descriptors_or_those_it_is_given()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            Assert.Equal(3, p.Files.Count);
            Assert.Equal(0, new Calls(p).Read(0, 10, out _));
            Assert.Equal(2, new Calls(p).Write(1, "ok"u8));
        });
        Assert.Equal(Errno.None, Pipe.Create(0, out var readEnd, out var writeEnd));
        var files = new FileDescriptorTable();
        files.Add(writeEnd!);
        kernel.Finish(kernel.Start((p, _, _) => Assert.Equal(5, new Calls(p).Write(0, "hello"u8)), files: files));
        byte* buffer = stackalloc byte[10];
        Assert.Equal(5, readEnd!.Read(buffer, 10));
        Assert.Equal(0, readEnd.Read(buffer, 10)); // its end closed the other side
        readEnd.Release();
    }

    [Fact]
    public void Each_process_has_its_own_random_numbers()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            byte* m = p.Memory;
            Assert.Equal(0, ProcessCalls.RandomGet(m, TestProgram.Scratch, 64));
            Assert.Equal(0, ProcessCalls.RandomGet(m, TestProgram.Scratch + 64, 64));
            Assert.False(new Span<byte>(m + TestProgram.Scratch, 64).SequenceEqual(new Span<byte>(m + TestProgram.Scratch + 64, 64)));
            Assert.Equal(0, m[TestProgram.Scratch + 128]);
        });
    }

    [Fact]
    public void The_stack_of_a_call_from_the_host_side_is_aligned()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            int before = p.StackPointer;
            int a = p.StackAllocate(1), b = p.StackAllocate(17);
            Assert.Equal((0, 0), (a % 16, b % 16));
            Assert.True(a < before && b <= a - 17);
            p.StackPointer = before;
            Assert.Equal(before, *(int*)(p.Memory + InstanceLayout.StackPointer));
        });
    }

    [Fact]
    public void Memory_growth_in_the_program_reaches_the_kernel()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            long before = p.AddressSpace.Size;
            int block = ((delegate*<byte*, int, int>)p.Export("malloc"))(p.Memory, (int)before);
            Assert.True(p.AddressSpace.Size >= block + before);
            p.Memory[block + before - 1] = 1;
            var child = p.Fork("child", new GuestState(), c => Assert.Equal(1, c.Memory[block + before - 1]));
            Assert.Equal(0, p.Kernel.Processes.Wait(p, child.Pid));
        });
    }
}
