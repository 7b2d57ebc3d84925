namespace Pocketgres.Kernel.Tests.Support;

/// <summary>Host functions the test program imports: they lead back into the test through the process's <see cref="Process.Tag"/>.</summary>
public static unsafe class TestHost
{
    /// <summary>main of the program.</summary>
    [HostFunction("ktest_main")]
    public static int CallMain(byte* m, int argc, int argv) => Guest(m).Main!(Process.From(m), argc, argv);

    /// <summary>raise(3): the handler, or what the default action would be.</summary>
    [HostFunction("ktest_raise")]
    public static int Raise(byte* m, int signal)
    {
        var process = Process.From(m);
        if ((process.Tag as GuestState)?.Handler is { } handler)
        {
            handler(process, signal);
            return 0;
        }

        return signal is Signal.Child or Signal.Urgent or Signal.Continue ? 0 : throw new ExitException(signal);
    }

    /// <summary>__dl_seterr(format, arguments): keeps the message.</summary>
    [HostFunction("ktest_dlerror")]
    public static void DlError(byte* m, int format, int arguments)
    {
        Assert.Equal("%s", CString.Read(m, format));
        Guest(m).DlError = CString.Read(m, *(int*)(m + (uint)arguments));
    }

    /// <summary>A preemption point of translated code, reached when the reschedule flag was set.</summary>
    [HostFunction("ktest_preempt")]
    public static void Preempt(byte* m) => TestKernel.PreemptionPoint(Process.From(m));

    private static GuestState Guest(byte* m) => (GuestState)Process.From(m).Tag!;
}

/// <summary>What a test process carries.</summary>
public sealed class GuestState
{
    public Func<Process, int, int, int>? Main { get; init; }

    public Action<Process, int>? Handler { get; set; }

    public string? DlError { get; set; }
}
