using System.Diagnostics;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>Waiting for several descriptors.</summary>
public static unsafe class PollCalls
{
    private const int SetSize = 1024; // FD_SETSIZE

    /// <summary>poll(2). Entries in linear memory have the host's layout.</summary>
    [HostFunction("__syscall_poll", Locking = KernelLocking.None)]
    public static int Poll(byte* m, int entries, int count, int timeoutMilliseconds)
    {
        var process = Process.From(m);
        return count < 0 || count > process.Files.Limit ? -(int)Errno.EINVAL
            : !LinearMemory.Contains(m, entries, (long)count * sizeof(PollEntry)) ? -(int)Errno.EFAULT
            : Poll(process, (PollEntry*)(m + (uint)entries), count, timeoutMilliseconds < 0 ? -1 : timeoutMilliseconds * 1_000_000L);
    }

    /// <summary>poll(2) with a time limit of 0, which newer emscripten calls by another name.</summary>
    [HostFunction("__syscall_poll_nonblocking", Locking = KernelLocking.None)]
    public static int PollNow(byte* m, int entries, int count) => Poll(m, entries, count, 0);

    /// <summary>
    /// select(2). A set is bits, the lowest first; the time limit two longs, seconds and microseconds. What is out of band is never there: a set of exceptions comes back empty.
    /// </summary>
    [HostFunction("__syscall__newselect", Locking = KernelLocking.None)]
    public static int Select(byte* m, int count, int reading, int writing, int exceptional, int timeout)
    {
        var process = Process.From(m);
        if (count is < 0 or > SetSize)
        {
            return -(int)Errno.EINVAL;
        }

        int bytes = (count + 63) / 64 * 8, length = process.Program.DataModel.PointerSize;
        foreach (int set in (ReadOnlySpan<int>)[reading, writing, exceptional])
        {
            if (set != 0 && !LinearMemory.Contains(m, set, bytes))
            {
                return -(int)Errno.EFAULT;
            }
        }

        long nanoseconds = -1;
        if (timeout != 0)
        {
            byte* t = m + (uint)timeout;
            long seconds = length == 8 ? *(long*)t : *(int*)t, microseconds = length == 8 ? *(long*)(t + 8) : *(int*)(t + 4);
            nanoseconds = (Math.Min(seconds, int.MaxValue) * 1_000_000_000) + (microseconds * 1000);
        }

        var entries = stackalloc PollEntry[count];
        int used = 0;
        for (int fd = 0; fd < count; fd++)
        {
            int events = (IsSet(m, reading, fd) ? PollEvents.In : 0) | (IsSet(m, writing, fd) ? PollEvents.Out : 0);
            if (events != 0)
            {
                if (!process.Files.TryGet(fd, out _))
                {
                    return -(int)Errno.EBADF;
                }

                entries[used++] = new PollEntry { Descriptor = fd, Events = (short)events };
            }
        }

        int result = Poll(process, entries, used, nanoseconds);
        if (result < 0)
        {
            return result;
        }

        foreach (int set in (ReadOnlySpan<int>)[reading, writing, exceptional])
        {
            new Span<byte>(m + (uint)set, set == 0 ? 0 : bytes).Clear();
        }

        int ready = 0;
        for (int i = 0; i < used; i++)
        {
            const short readable = PollEvents.In | PollEvents.HangUp | PollEvents.Error, writable = PollEvents.Out | PollEvents.Error;
            var (fd, asked, returned) = (entries[i].Descriptor, entries[i].Events, entries[i].Returned);
            ready += SetIf(m, reading, fd, (asked & PollEvents.In) != 0 && (returned & readable) != 0);
            ready += SetIf(m, writing, fd, (asked & PollEvents.Out) != 0 && (returned & writable) != 0);
        }

        return ready;
    }

    private static bool IsSet(byte* m, int set, int fd) => set != 0 && (m[(uint)set + (fd / 8)] & (1 << (fd % 8))) != 0;

    private static int SetIf(byte* m, int set, int fd, bool condition)
    {
        if (!condition)
        {
            return 0;
        }

        m[(uint)set + (fd / 8)] |= (byte)(1 << (fd % 8));
        return 1;
    }

    // The entries' descriptors are the process's; their number is returned, or -EINTR.
    private static int Poll(Process process, PollEntry* entries, int count, long timeoutNanoseconds)
    {
        var host = stackalloc PollEntry[count + 1];
        long deadline = Stopwatch.GetTimestamp() + (long)(timeoutNanoseconds * (Stopwatch.Frequency / 1e9));
        while (true)
        {
            int ready = Fill(process, entries, host, count);
            if (process.PollNow(host, count) > 0 || ready > 0)
            {
                for (int i = 0; i < count; i++)
                {
                    if (host[i].Returned != 0 && process.IsReady(entries[i].Descriptor))
                    {
                        entries[i].Returned = host[i].Returned;
                        ready++;
                    }
                }
            }

            long left = timeoutNanoseconds < 0 ? -1 : deadline - Stopwatch.GetTimestamp();
            if (ready > 0 || (timeoutNanoseconds >= 0 && left <= 0))
            {
                return ready;
            }

            _ = Fill(process, entries, host, count); // what IsReady looked at may be another descriptor of the host now
            process.Block(host, count, timeoutNanoseconds < 0 ? -1 : (long)Math.Ceiling(left * (1e9 / Stopwatch.Frequency)));
            if (process.HasPendingSignals)
            {
                process.DeliverSignals();
                return -(int)Errno.EINTR;
            }
        }
    }

    private static int Fill(Process process, PollEntry* guest, PollEntry* host, int count)
    {
        int ready = 0;
        for (int i = 0; i < count; i++)
        {
            guest[i].Returned = 0;
            host[i] = guest[i];
            host[i].Descriptor = -1;
            if (guest[i].Descriptor < 0)
            {
                continue;
            }

            if (!process.Files.TryGet(guest[i].Descriptor, out var file))
            {
                guest[i].Returned = PollEvents.Invalid;
                ready++;
            }
            else if (file.PollDescriptor < 0)
            {
                guest[i].Returned = (short)(guest[i].Events & (PollEvents.In | PollEvents.Out)); // regular files are always ready
                ready += guest[i].Returned != 0 ? 1 : 0;
            }
            else
            {
                host[i].Descriptor = file.PollDescriptor;
            }
        }

        return ready;
    }
}
