using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Kernel.Scheduling;

/// <summary>
/// Sends what processes have for their clients, on a thread of its own and another core than theirs: send(2) to a client on the same machine does the work of
/// both ends and wakes the client, which takes as long as a small query (10 us of interrupts alone where the client's core is a sleeping one of a virtual machine).
/// </summary>
/// <remarks>
/// The thread does not sleep while there is one, because to wake it would cost what it saves; it lets everybody else on its core go first. So there is one only while
/// many requests are answered and <see cref="CorePacking"/> measures that it pays.
/// </remarks>
internal sealed class OutputSender(ProcessThreads threads)
{
    private DeferredOutput? _added; // the last one first
    private bool _wanted; // the timer's thread writes it
    private bool _running;
    private int _looks; // the sender's thread writes it
    private int _looksBefore; // the timer's thread's
    private int _avoided; // a core; the timer's thread writes it

    /// <summary>True while there is a thread, or nearly: who adds output when it is false sends it with <see cref="SendAll"/>. Any thread.</summary>
    public bool IsActive => Volatile.Read(ref _wanted);

    /// <summary>Begins to send on a thread, or goes on there. The timer's thread.</summary>
    /// <param name="cores">Where threads of the pool run.</param>
    /// <param name="processes">The one of them where the processes are, and the sender shall not be, or <see cref="CorePacking.AnyCore"/>.</param>
    public void Start(CpuSet cores, int processes)
    {
        Volatile.Write(ref _avoided, processes);
        if (_wanted)
        {
            return;
        }

        Volatile.Write(ref _running, true);
        Volatile.Write(ref _wanted, true);
        try
        {
            threads.Run(() => Run(cores), "pg-send");
        }
        catch (OutOfMemoryException) // .NET's word for a thread that the host refuses: without one all goes on as before
        {
            Volatile.Write(ref _wanted, false);
            Volatile.Write(ref _running, false);
            SendAll();
        }
    }

    /// <summary>Ends that, when all that was handed over until now is sent. The timer's thread.</summary>
    public void Stop()
    {
        if (!_wanted)
        {
            return;
        }

        Volatile.Write(ref _wanted, false);
        while (Volatile.Read(ref _running))
        {
            Thread.Yield();
        }

        SendAll();
    }

    /// <summary>Sends what there is if the thread has not looked since the last call: it waits for a core. The timer's thread, each millisecond.</summary>
    /// <remarks>Not sooner: who sends draws the client to its own core, and the timer's may be that of the processes.</remarks>
    public void SendInstead()
    {
        int looks = Volatile.Read(ref _looks);
        if (looks == _looksBefore)
        {
            SendAll();
        }

        _looksBefore = looks;
    }

    /// <summary>Takes output on. Any thread.</summary>
    public void Add(DeferredOutput output)
    {
        var next = Volatile.Read(ref _added);
        while (true)
        {
            output.Next = next;
            var seen = Interlocked.CompareExchange(ref _added, output, next);
            if (seen == next)
            {
                break;
            }

            next = seen;
        }

        if (!IsActive)
        {
            SendAll();
        }
    }

    /// <summary>Sends what there is. Any thread, several at a time: each output is one's of them.</summary>
    /// <returns>Whether there was something.</returns>
    public bool SendAll()
    {
        if (Volatile.Read(ref _added) is null || Interlocked.Exchange(ref _added, null) is not { } last)
        {
            return false;
        }

        DeferredOutput? first = null;
        while (last is not null)
        {
            var before = last.Next;
            last.Next = first;
            first = last;
            last = before;
        }

        while (first is not null)
        {
            var next = first.Next; // it may be added again as soon as it is sent
            first.SendForProcess();
            first = next;
        }

        return true;
    }

    private void Run(CpuSet cores)
    {
        int avoided = CorePacking.AnyCore;
        while (IsActive)
        {
            if (Volatile.Read(ref _avoided) is var core && core != avoided)
            {
                avoided = core;
                _ = CpuSet.Apply(cores.Except(avoided)); // if the host refuses, it runs somewhere
            }

            Volatile.Write(ref _looks, _looks + 1);
            if (!SendAll())
            {
                Thread.Yield();
            }
        }

        _ = CpuSet.Apply(cores);
        Volatile.Write(ref _running, false);
    }
}
