using System.Runtime.InteropServices;

namespace Pocketgres.Kernel.Net;

/// <summary>struct pollfd of the host. A negative descriptor is ignored, as in poll(2).</summary>
[StructLayout(LayoutKind.Sequential)]
public struct PollEntry
{
    /// <summary>Host descriptor (see <see cref="Process.PollDescriptor"/>).</summary>
    public int Descriptor;

    /// <summary>Events asked for, a mask of <see cref="PollEvents"/>.</summary>
    public short Events;

    /// <summary>Events that happened.</summary>
    public short Returned;
}

/// <summary>Events of poll(2), Linux' values, which emscripten shares.</summary>
public static class PollEvents
{
#pragma warning disable CS1591
    public const short In = 1, Out = 4, Error = 8, HangUp = 16, Invalid = 32, PeerHangUp = 0x2000;
#pragma warning restore CS1591
}
