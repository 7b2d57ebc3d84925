using System.Diagnostics;
using System.Runtime.InteropServices;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Processes;

/// <summary>
/// Signals of the host (of the runtime, of a debugger, of the terminal) make host calls fail with EINTR. A process of the kernel must
/// not notice. SIGCONT is used: .NET handles it, and its default does nothing.
/// </summary>
[Collection("Whole process")]
public sealed unsafe partial class HostSignalTests
{
    private const int HostSigCont = 18;

    [Fact]
    public void Waits_last_as_long_as_they_should()
    {
        using var kernel = new TestKernel();
        using var handled = PosixSignalRegistration.Create(PosixSignal.SIGCONT, context => context.Cancel = true);
        bool posted = false, ended = false, written = false;
        var p = kernel.Start(p =>
        {
            var calls = new Calls(p);
            foreach (int milliseconds in new[] { 5, 20, 50 })
            {
                long start = Stopwatch.GetTimestamp();
                Assert.True(p.Sleep(milliseconds * 1_000_000L));
                Assert.True(Stopwatch.GetElapsedTime(start).TotalMilliseconds >= milliseconds);
                start = Stopwatch.GetTimestamp();
                Assert.Equal([0], calls.Poll(milliseconds, (-1, 0)));
                Assert.True(Stopwatch.GetElapsedTime(start).TotalMilliseconds >= milliseconds);
            }

            var (r, w) = calls.Pipe();
            p.Fork("poster", new GuestState(), c =>
            {
                c.Sleep(20_000_000);
                posted = true;
                p.SemaphorePost();
                c.Sleep(20_000_000);
                written = true;
                Assert.Equal(1, new Calls(c).Write(w, "x"u8));
                c.SemaphoreWait(); // SIGCHLD would end the waits below
            });
            p.SemaphoreWait();
            Assert.True(posted);
            Assert.Equal(1, calls.PollResult(-1, [(r, PollEvents.In)], out _));
            Assert.True(written);
            Assert.Equal(1, calls.Read(r, 1, out _));
            long waited = Stopwatch.GetTimestamp();
            PollEntry* nothing = stackalloc PollEntry[1];
            Assert.False(p.Block(nothing, 0, 10_000_000));
            Assert.True(Stopwatch.GetElapsedTime(waited).TotalMilliseconds >= 10);
        });
        var bombard = new Thread(() =>
        {
            while (!Volatile.Read(ref ended))
            {
                foreach (int thread in HostResources.ThreadIds("pg-").Concat(HostResources.ThreadIds("pg-preempt")))
                {
                    _ = tgkill(Environment.ProcessId, thread, HostSigCont); // may have ended
                }

                Thread.Sleep(1);
            }
        });
        bombard.Start();
        try
        {
            Assert.Equal(0, kernel.Finish(p));
        }
        finally
        {
            Volatile.Write(ref ended, true);
            bombard.Join();
        }
    }

    [LibraryImport("libc")]
    private static partial int tgkill(int process, int thread, int signal);
}
