using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Pocketgres.Kernel.Native;

/// <summary>epoll(7) and timerfd_create(2) of the host.</summary>
internal static unsafe partial class Epoll
{
    public const int CloseOnExec = 0x80000;
    public const int Add = 1, Delete = 2;
    public const uint In = 1, Error = 8, HangUp = 0x10, PeerHangUp = 0x2000, EdgeTriggered = 1u << 31;

    /// <summary>Events that <see cref="Wait"/> returns at most.</summary>
    public const int MaximumEvents = 32;

    // struct epoll_event is packed on x86-64 only: { uint32 events; uint64 data; }.
    private static readonly int s_eventSize = RuntimeInformation.ProcessArchitecture == Architecture.X64 ? 12 : 16;

    /// <summary>Adds a descriptor to a set, or removes it.</summary>
    public static int Control(int set, int operation, int descriptor, uint events)
    {
        byte* e = stackalloc byte[16];
        *(uint*)e = events;
        Unsafe.WriteUnaligned(e + s_eventSize - sizeof(long), (long)descriptor);
        return epoll_ctl(set, operation, descriptor, e);
    }

    /// <summary>What has happened by now, without waiting; returns the number of events.</summary>
    /// <param name="set">The set.</param>
    /// <param name="descriptors">Room for <see cref="MaximumEvents"/> descriptors.</param>
    /// <param name="happened">Room for as many events.</param>
    public static int Wait(int set, int* descriptors, uint* happened)
    {
        byte* events = stackalloc byte[16 * MaximumEvents];
        int count = epoll_wait(set, events, MaximumEvents, 0);
        for (int i = 0; i < count; i++)
        {
            byte* e = events + (i * s_eventSize);
            descriptors[i] = (int)Unsafe.ReadUnaligned<long>(e + s_eventSize - sizeof(long));
            happened[i] = Unsafe.ReadUnaligned<uint>(e);
        }

        return count;
    }

    /// <summary>Has a timer's descriptor become readable after so many milliseconds, once; 0: never.</summary>
    public static int SetTimer(int timer, long milliseconds)
    {
        var value = stackalloc Libc.TimeSpec[2]; // struct itimerspec: interval, value
        value[0] = default;
        value[1] = new Libc.TimeSpec { Seconds = milliseconds / 1000, Nanoseconds = milliseconds % 1000 * 1_000_000 };
        return timerfd_settime(timer, 0, value, null);
    }

    /// <summary>An empty set.</summary>
    [LibraryImport("libc", EntryPoint = "epoll_create1", SetLastError = true)]
    public static partial int Create(int flags);

    /// <summary>A timer of the monotonic clock (1).</summary>
    [LibraryImport("libc", EntryPoint = "timerfd_create", SetLastError = true)]
    public static partial int CreateTimer(int clock, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_ctl(int set, int operation, int descriptor, void* e);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int epoll_wait(int set, void* events, int maximum, int timeoutMilliseconds);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int timerfd_settime(int timer, int flags, Libc.TimeSpec* value, Libc.TimeSpec* old);
}
