using System.Diagnostics;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Syscalls;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Net;

/// <summary>poll(2).</summary>
public sealed unsafe class PollTests
{
    private const short In = PollEvents.In, Out = PollEvents.Out;

    [Fact]
    public void Regular_files_are_always_ready_for_what_is_asked()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int fd = calls.Create("/file", "x"u8);
            Assert.Equal([In, Out, (short)(In | Out), 0], calls.Poll(-1, (fd, In), (fd, Out), (fd, (short)(In | Out)), (fd, PollEvents.PeerHangUp)));
        });
    }

    [Fact]
    public void Closed_descriptors_are_reported_and_negative_ones_ignored()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int fd = calls.Create("/file", ""u8);
            calls.Close(fd);
            Assert.Equal([PollEvents.Invalid, 0, PollEvents.Invalid], calls.Poll(-1, (fd, In), (-1, In), (1000, 0)));
            Assert.Equal([0], calls.Poll(0, (-5, In)));
        });
    }

    [Fact]
    public void Pipes_become_readable_writable_full_and_hung_up()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            var (r, w) = calls.Pipe(OpenFlags.NonBlocking);
            Assert.Equal([0, Out], calls.Poll(0, (r, In), (w, Out)));
            Assert.Equal(1, calls.Write(w, "x"u8));
            Assert.Equal([In, Out], calls.Poll(-1, (r, In), (w, Out)));
            while (calls.Write(w, new byte[65536]) > 0)
            {
            }

            Assert.Equal([In, 0], calls.Poll(0, (r, In), (w, Out)));
            calls.Close(w);
            Assert.Equal([(short)(In | PollEvents.HangUp)], calls.Poll(-1, (r, In)));
            while (calls.Read(r, 65536, out _) > 0)
            {
            }

            Assert.Equal([PollEvents.HangUp], calls.Poll(-1, (r, In)));

            (r, w) = calls.Pipe();
            calls.Close(r);
            Assert.Equal(PollEvents.Error, (short)(calls.Poll(-1, (w, Out))[0] & PollEvents.Error));
        });
    }

    [Fact]
    public void Sockets_tell_connections_data_and_the_peers_end()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            int listener = calls.Listen("127.0.0.1", 0, out int port);
            Assert.Equal([0], calls.Poll(0, (listener, In)));
            int client = calls.Socket();
            Assert.Equal(0, calls.Connect(client, "127.0.0.1", port));
            Assert.Equal([In], calls.Poll(-1, (listener, In)));
            int connection = calls.AcceptNow(listener, out _);
            Assert.Equal([0, Out], calls.Poll(0, (connection, In), (connection, Out)));
            calls.Send(client, "x"u8);
            Assert.Equal([In], calls.Poll(-1, (connection, (short)(In | PollEvents.PeerHangUp))));
            calls.Close(client);
            Assert.Equal([PollEvents.PeerHangUp], calls.Poll(-1, (connection, PollEvents.PeerHangUp)));
        });
    }

    [Fact]
    public void The_timeout_is_kept()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            var (r, _) = calls.Pipe();
            foreach (int milliseconds in new[] { 0, 1, 3, 12, 30 })
            {
                long start = Stopwatch.GetTimestamp();
                Assert.Equal([0], calls.Poll(milliseconds, (r, In)));
                Assert.True(Stopwatch.GetElapsedTime(start).TotalMilliseconds >= milliseconds, $"{milliseconds} ms were shorter");
            }

            Assert.Equal(0, PollCalls.Poll(p.Memory, TestProgram.Scratch, 0, 5)); // poll as sleep
        });
    }

    [Fact]
    public void It_wakes_for_another_processs_write_without_the_lock()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            var (r, w) = calls.Pipe();
            var child = p.Fork("writer", new GuestState(), c =>
            {
                c.Sleep(2_000_000);
                new Calls(c).Write(w, "x"u8);
            });
            Assert.Equal([In], calls.Poll(-1, (r, In)));
            Assert.Equal(1, calls.Read(r, 1, out _));
            calls.Poll(0);
            while (!child.HasExited)
            {
                p.Sleep(1_000_000);
                p.DeliverSignals();
            }

            p.Kernel.Processes.TryWait(p, -1, out _);
        }, (_, _) => { });
    }

    [Fact]
    public void A_signal_interrupts_it_after_its_handler_ran()
    {
        using var kernel = new TestKernel();
        int handled = 0;
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            var (r, w) = calls.Pipe();
            p.SetAlarm(3);
            Assert.Equal(-(int)Errno.EINTR, calls.PollResult(-1, [(r, In)], out _));
            Assert.Equal(1, handled);
            p.Post(Signal.User1); // pending before the call
            Assert.Equal(-(int)Errno.EINTR, calls.PollResult(60_000, [(r, In)], out _));
            Assert.Equal(2, handled);
            p.Post(Signal.User1);
            calls.Write(w, "x"u8);
            Assert.Equal([In], calls.Poll(-1, (r, In))); // ready at once: nothing to interrupt
            p.DeliverSignals();
            Assert.Equal(3, handled);
        }, (_, _) => handled++);
    }

    [Fact]
    public void A_semaphore_posted_meanwhile_is_no_event()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            var (r, w) = calls.Pipe();
            p.Fork("poster", new GuestState(), c =>
            {
                for (int i = 0; i < 20; i++)
                {
                    p.SemaphorePost();
                    c.Sleep(100_000);
                }

                new Calls(c).Write(w, "x"u8);
                c.SemaphoreWait(); // SIGCHLD would interrupt
            });
            Assert.Equal([In], calls.Poll(-1, (r, In)));
        });
    }

    [Fact]
    public void Its_count_is_checked()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            const int einval = -(int)Errno.EINVAL;
            Assert.Equal(einval, PollCalls.Poll(p.Memory, TestProgram.Scratch, -1, 0));
            Assert.Equal(einval, PollCalls.Poll(p.Memory, TestProgram.Scratch, int.MinValue, 0));
            Assert.Equal(einval, PollCalls.Poll(p.Memory, TestProgram.Scratch, FileDescriptorTable.DefaultLimit + 1, 0));
            var calls = new Calls(p);
            Assert.Equal(2000, calls.Poll(0, [.. Enumerable.Repeat((500, In), 2000)]).Count(e => e == PollEvents.Invalid));
        });
    }
}
