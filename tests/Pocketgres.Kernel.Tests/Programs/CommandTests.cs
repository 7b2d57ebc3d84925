using System.Text;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Programs;
using Pocketgres.Kernel.Syscalls;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Programs;

/// <summary>popen(3) and system(3), whose commands the layer above runs.</summary>
public sealed unsafe class CommandTests
{
    private const int Scratch = TestProgram64.Scratch, Text = Scratch + 64, Buffer = Scratch + 256;

    [Fact]
    public void A_command_is_read_from_and_waited_for_once()
    {
        using var kernel = new TestKernel(Program((_, line, input, output) =>
        {
            Assert.Equal("say hello", line);
            Assert.Null(input);
            fixed (byte* hello = "hello"u8)
            {
                Assert.Equal(5, output!.Write(hello, 5));
            }

            return new Command(() => 3 << 8);
        }));
        kernel.Finish(kernel.Start((p, argc, argument) =>
        {
            CString.TryWrite(p.Memory, Text, 64, "say hello");
            int fd = CommandCalls.Open(p.Memory, Text, 1, Scratch, 0);
            int id = *(int*)(p.Memory + Scratch);
            Assert.True(p.Files.TryGet(fd, out var pipe));
            Assert.Equal(5, pipe.Read(p.Memory + Buffer, 100));
            Assert.Equal("hello", Encoding.ASCII.GetString(p.Memory + Buffer, 5));
            Assert.Equal(0, pipe.Read(p.Memory + Buffer, 100)); // the command's end was closed with it
            Assert.Equal(id, ChildCalls.WaitForChild(p.Memory, id, Scratch + 8, 0));
            Assert.Equal(3 << 8, *(int*)(p.Memory + Scratch + 8));
            Assert.Equal(-(int)Errno.ECHILD, ChildCalls.WaitForChild(p.Memory, id, 0, 0));
        }));
    }

    [Fact]
    public void A_command_gets_what_is_written_to_it()
    {
        using var kernel = new TestKernel(Program((_, _, input, output) =>
        {
            Assert.Null(output);
            var own = input!.AddReference();
            return new Command(() =>
            {
                byte* bytes = stackalloc byte[16];
                int n = own.Read(bytes, 16);
                own.Release();
                return n << 8;
            });
        }));
        kernel.Finish(kernel.Start((p, argc, argument) =>
        {
            CString.TryWrite(p.Memory, Text, 64, "take");
            int fd = CommandCalls.Open(p.Memory, Text, 0, Scratch, 0);
            Assert.True(p.Files.TryGet(fd, out var pipe));
            Assert.Equal(4, pipe.Write(p.Memory + Text, 4));
            int id = *(int*)(p.Memory + Scratch);
            Assert.Equal(id, ChildCalls.WaitForChild(p.Memory, id, Scratch + 8, 0));
            Assert.Equal(4 << 8, *(int*)(p.Memory + Scratch + 8));
        }));
    }

    [Fact]
    public void Without_a_shell_there_are_no_commands()
    {
        using var kernel = new TestKernel(Program(null));
        kernel.Finish(kernel.Start((p, argc, argument) =>
        {
            CString.TryWrite(p.Memory, Text, 64, "anything");
            Assert.Equal(0, CommandCalls.System(p.Memory, 0, 0));
            Assert.Equal(-(int)Errno.ENOSYS, CommandCalls.System(p.Memory, Text, 0));
            Assert.Equal(-(int)Errno.ENOSYS, CommandCalls.Open(p.Memory, Text, 1, Scratch, 0));
        }));
    }

    [Fact]
    public void System_returns_the_commands_status()
    {
        using var kernel = new TestKernel(Program((_, line, input, output) => new Command(() => input is null && output is null ? line.Length << 8 : -1)));
        kernel.Finish(kernel.Start((p, argc, argument) =>
        {
            CString.TryWrite(p.Memory, Text, 64, "seven..");
            Assert.Equal(1, CommandCalls.System(p.Memory, 0, 0));
            Assert.Equal(7 << 8, CommandCalls.System(p.Memory, Text, 0));
        }));
    }

    [Fact]
    public void A_command_gets_the_programs_environment_as_it_is_now()
    {
        IReadOnlyList<string>? seen = null;
        using var kernel = new TestKernel(Program((process, _, _, _) =>
        {
            seen = process.Environment;
            return new Command(() => 0);
        }));
        kernel.Finish(kernel.Start((p, argc, argument) =>
        {
            const int first = Buffer, second = Buffer + 16, array = Buffer + 64;
            CString.TryWrite(p.Memory, first, 16, "A=1");
            CString.TryWrite(p.Memory, second, 16, "B=x y");
            long* pointers = (long*)(p.Memory + array);
            (pointers[0], pointers[1], pointers[2]) = (first, second, 0);
            Assert.Equal(0, CommandCalls.System(p.Memory, Text, array));
        }));
        Assert.Equal(["A=1", "B=x y"], seen);
    }

    private static ProgramImage Program(Func<Process, string, OpenFile?, OpenFile?, ICommand>? start)
    {
        var program = TestProgram64.Instance;
        return new ProgramImage(program.Main, program.Abi with { StartCommand = start }, static _ => null);
    }

    private sealed class Command(Func<int> wait) : ICommand
    {
        public int Wait() => wait();
    }
}
