using System.Runtime.InteropServices;

namespace Pocketgres.Kernel.Native;

/// <summary>An access to memory that is not there.</summary>
/// <param name="Signal">What the host sent: <see cref="Kernel.Signal.SegmentationFault"/> or <see cref="Kernel.Signal.BusError"/>.</param>
/// <param name="Address">The address.</param>
internal sealed record MemoryFault(int Signal, long Address);

/// <summary>
/// Makes a <see cref="NullReferenceException"/> of each access by managed code to an address in a certain range that cannot be accessed. .NET does that for the first
/// 64 KiB only, and ends the process for any other address. So handlers of SIGSEGV and SIGBUS are put before .NET's: a few instructions
/// (<see cref="FaultHandlerCode"/>) that note the address, put a small one in its place, and go on to .NET's handler. Faults elsewhere, and in code that is
/// not managed, are as ever.
/// </summary>
/// <remarks>
/// Relied upon: .NET's handlers are installed before any managed code runs; they take the address from siginfo, and look at the code's address to see whether it is
/// managed. FaultHandlerTests say whether a runtime does.
/// </remarks>
internal static unsafe class FaultHandler
{
    // struct sigaction of glibc and musl, 64 bits: handler (8 bytes), mask (128), flags (4, padded), restorer (8).
    private const int ActionSize = 152;

    private static long* s_segmentationFaults; // the last address for each slot, or 0
    private static long* s_busErrors;

    /// <summary>Puts the handlers before those that are there. Once in a .NET process.</summary>
    /// <param name="start">First address of the range.</param>
    /// <param name="slots">Parts of the range; for each of them the last fault is noted.</param>
    /// <param name="slotSize">Bytes of a part.</param>
    /// <exception cref="HostResourceException">The host allows no memory with code.</exception>
    public static void Install(byte* start, int slots, long slotSize)
    {
        s_segmentationFaults = (long*)NativeMemory.AllocZeroed((nuint)slots, sizeof(long));
        s_busErrors = (long*)NativeMemory.AllocZeroed((nuint)slots, sizeof(long));
        nint page = Environment.SystemPageSize;
        byte* code = Libc.mmap(null, page, Libc.ProtReadWrite, Libc.MapPrivate | Libc.MapAnonymous, -1, 0);
        if ((nint)code == -1)
        {
            throw new HostResourceException($"cannot map a page (errno {Marshal.GetLastPInvokeError()})");
        }

        var writer = new FaultHandlerCode(code, start, slots, slotSize);
        byte* segmentationFault = stackalloc byte[ActionSize], busError = stackalloc byte[ActionSize];
        Prepare(ref writer, Signal.SegmentationFault, s_segmentationFaults, segmentationFault);
        Prepare(ref writer, Signal.BusError, s_busErrors, busError);

        // The host makes the instruction cache see what was written, on processors where that is necessary, when pages become executable.
        if (Libc.mprotect(code, page, Libc.ProtRead | Libc.ProtExecute) != 0
            || Libc.sigaction(Signal.SegmentationFault, segmentationFault, null) != 0
            || Libc.sigaction(Signal.BusError, busError, null) != 0)
        {
            throw new HostResourceException($"cannot install a handler of memory faults (errno {Marshal.GetLastPInvokeError()}); does the host forbid code in anonymous memory?");
        }
    }

    /// <summary>Forgets faults of a slot.</summary>
    public static void Forget(int slot) => s_segmentationFaults[slot] = s_busErrors[slot] = 0;

    /// <summary>The last fault in a slot, if any. The thread that had it.</summary>
    public static MemoryFault? LastFault(int slot) =>
        s_segmentationFaults[slot] != 0 ? new MemoryFault(Signal.SegmentationFault, s_segmentationFaults[slot])
        : s_busErrors[slot] != 0 ? new MemoryFault(Signal.BusError, s_busErrors[slot])
        : null;

    // The present action, but for the handler.
    private static void Prepare(ref FaultHandlerCode writer, int signal, long* faults, byte* action)
    {
        if (Libc.sigaction(signal, null, action) != 0)
        {
            throw new HostResourceException($"sigaction failed (errno {Marshal.GetLastPInvokeError()})");
        }

        *(nint*)action = writer.Write(*(nint*)action, faults);
    }
}
