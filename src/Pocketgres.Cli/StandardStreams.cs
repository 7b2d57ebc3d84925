using System.Runtime.InteropServices;
using System.Text;

namespace Pocketgres.Cli;

/// <summary>
/// Standard output and error as plain descriptors. The Console class would set up encodings and the terminal first (milliseconds of every start),
/// and a reader that went away must not end the server: such writes are dropped (.NET ignores SIGPIPE, so that write(2) reports EPIPE).
/// </summary>
internal static partial class StandardStreams
{
    private const int Output = 1, Error = 2;
    private const int Interrupted = 4, WouldBlock = 11;
    private const short PollOut = 4;

    /// <summary>Writes to standard output; complete when it returns.</summary>
    public static void WriteOutput(string text) => Write(Output, Encoding.UTF8.GetBytes(text));

    /// <summary>Writes to standard error; complete when it returns.</summary>
    public static void WriteError(string text) => Write(Error, Encoding.UTF8.GetBytes(text));

    private static void Write(int descriptor, ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            nint written = Write(descriptor, in MemoryMarshal.GetReference(bytes), bytes.Length);
            if (written >= 0)
            {
                bytes = bytes[(int)written..];
                continue;
            }

            switch (Marshal.GetLastPInvokeError())
            {
                case Interrupted:
                    break;
                case WouldBlock: // whoever shares the descriptor made it non-blocking
                    var fd = new PollFd { Fd = descriptor, Events = PollOut };
                    _ = Poll(ref fd, 1, -1);
                    break;
                default:
                    return;
            }
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollFd
    {
        public int Fd;
        public short Events;
        public short Result;
    }

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int descriptor, in byte bytes, nint count);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(ref PollFd fds, nuint count, int timeout);
}
