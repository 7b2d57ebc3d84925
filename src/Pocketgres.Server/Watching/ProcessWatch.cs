using System.Globalization;
using System.Runtime.InteropServices;

namespace Pocketgres.Server.Watching;

/// <summary>
/// Tells when another process, not a child, has ended. Linux: a pidfd (pidfd_open(2), Linux 5.3) names the process itself, so that a recycled
/// number is never taken for it, and poll(2) on it returns the moment it ends, zombie or not. Where pidfds are refused (old kernels, some sandboxes)
/// the process's start time in /proc is compared twice a second.
/// </summary>
public sealed partial class ProcessWatch : IDisposable
{
    private const int EventFdCloseOnExec = 0x80000;
    private const short PollIn = 1;
    private const int NoSuchProcess = 3, Interrupted = 4;
    private const long PidfdOpenCall = 434; // the same number on every architecture
    private const int WatchStack = 128 << 10;
    private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(500);

    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private int _wake = -1;
    private Timer? _timer;

    private ProcessWatch()
    {
    }

    /// <summary>Completes when the process has ended; cancelled by <see cref="Dispose"/>.</summary>
    public Task Ended => _ended.Task;

    /// <summary>Starts to watch a process.</summary>
    /// <param name="processId">Its id; a process that is gone already counts as ended.</param>
    public static ProcessWatch Start(int processId) => Start(processId, usePidfd: true);

    /// <summary>The same, with a choice of the method: for tests of the second one.</summary>
    internal static ProcessWatch Start(int processId, bool usePidfd)
    {
        var watch = new ProcessWatch();
        int pidfd = -1, error = 0;
        if (usePidfd)
        {
            pidfd = (int)SystemCall(PidfdOpenCall, processId, 0);
            error = Marshal.GetLastPInvokeError();
        }

        if (pidfd >= 0 && (watch._wake = EventFd(0, EventFdCloseOnExec)) >= 0)
        {
            int wake = watch._wake;
            new Thread(() => watch.Wait(pidfd, wake), WatchStack) { IsBackground = true, Name = "process watch" }.Start();
            return watch;
        }

        if (pidfd >= 0)
        {
            _ = Close(pidfd);
        }

        if ((pidfd < 0 && error == NoSuchProcess) || StartTime(processId) is not { } started)
        {
            watch._ended.TrySetResult();
            return watch;
        }

        watch._timer = new Timer(
            _ =>
            {
                if (StartTime(processId) != started)
                {
                    watch._ended.TrySetResult();
                }
            },
            null, s_interval, s_interval);
        return watch;
    }

    /// <summary>Stops watching.</summary>
    public void Dispose()
    {
        _ended.TrySetCanceled();
        _timer?.Dispose();
        lock (_lock)
        {
            if (_wake >= 0)
            {
                ulong one = 1;
                _ = Write(_wake, in one, sizeof(ulong));
            }
        }
    }

    private void Wait(int pidfd, int wake)
    {
        Span<PollFd> fds = [new PollFd { Fd = pidfd, Events = PollIn }, new PollFd { Fd = wake, Events = PollIn }];
        int ready;
        do
        {
            ready = Poll(ref fds[0], (nuint)fds.Length, -1);
        }
        while (ready < 0 && Marshal.GetLastPInvokeError() == Interrupted);

        if (fds[0].Result != 0)
        {
            _ended.TrySetResult();
        }

        _ = Close(pidfd);
        lock (_lock)
        {
            _ = Close(wake);
            _wake = -1;
        }
    }

    /// <summary>proc_pid_stat(5): field 22, in clock ticks since boot; null when there is no such process, or only its zombie.</summary>
    internal static ulong? StartTime(int processId)
    {
        string stat;
        try
        {
            stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/stat"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }

        // Field 2, the program's name in parentheses, may contain anything, also blanks and parentheses; field 3 is the state.
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return fields[0] is "Z" or "X" ? null : ulong.Parse(fields[22 - 3], CultureInfo.InvariantCulture);
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct PollFd
    {
        public int Fd;
        public short Events;
        public short Result;
    }

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial long SystemCall(long number, long first, long second);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int EventFd(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(ref PollFd fds, nuint count, int timeout);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int fd, in ulong value, nint count);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int fd);
}
