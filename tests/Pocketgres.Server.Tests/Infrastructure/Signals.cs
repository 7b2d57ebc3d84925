using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>kill(2), which .NET has only for SIGKILL.</summary>
static partial class Signals
{
    public const int Interrupt = 2;
    public const int Quit = 3;
    public const int Kill = 9;
    public const int User1 = 10;
    public const int Terminate = 15;
    public const int Continue = 18;
    public const int Stop = 19;
    const int NoSuchProcess = 3;

    /// <summary>Sends a signal; false when there is no such process any more.</summary>
    public static bool Send(int pid, int signal)
    {
        if (kill(pid, signal) == 0)
        {
            return true;
        }

        int error = Marshal.GetLastPInvokeError();
        return error == NoSuchProcess ? false : throw new Win32Exception(error);
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int kill(int pid, int signal);
}
