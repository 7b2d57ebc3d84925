using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Net;

/// <summary>Blocking reads and writes on a kernel file by a thread of the host that is no process (and so never holds the kernel's lock).</summary>
public static unsafe class HostPoll
{
    /// <summary>read(2), waiting for data; 0 at the end, negated errno on failure.</summary>
    public static int Read(OpenFile file, byte* buffer, int count)
    {
        ArgumentNullException.ThrowIfNull(file);
        while (true)
        {
            int n = file.Read(buffer, count);
            if (n != -(int)Errno.EAGAIN)
            {
                return n;
            }

            Wait(file, PollEvents.In);
        }
    }

    /// <summary>write(2) of everything, waiting for room; false when the reader is gone.</summary>
    public static bool WriteAll(OpenFile file, byte* buffer, int count)
    {
        ArgumentNullException.ThrowIfNull(file);
        while (count > 0)
        {
            int n = file.Write(buffer, count);
            if (n == -(int)Errno.EAGAIN)
            {
                Wait(file, PollEvents.Out);
                continue;
            }

            if (n < 0)
            {
                return false;
            }

            buffer += n;
            count -= n;
        }

        return true;
    }

    private static void Wait(OpenFile file, short events)
    {
        var entry = new PollEntry { Descriptor = file.PollDescriptor, Events = events };
        _ = Libc.poll(&entry, 1, -1);
    }
}
