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

    /// <summary>True while there is a thread, or nearly: who adds output when it is false sends it with <see cref="SendAll"/>. Any thread.</summary>
    public bool IsActive => Volatile.Read(ref _wanted);

    /// <summary>Begins to send on a thread. The timer's thread.</summary>
    /// <param name="cores">Where the thread shall run.</param>
    /// <param name="everywhere">Where threads of the pool run otherwise.</param>
    public void Start(CpuSet cores, CpuSet everywhere)
    {
        if (_wanted)
        {
            return;
        }

        Volatile.Write(ref _running, true);
        Volatile.Write(ref _wanted, true);
        try
        {
            threads.Run(() => Run(cores, everywhere), "pg-send");
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

    private void Run(CpuSet cores, CpuSet everywhere)
    {
        _ = CpuSet.Apply(cores); // if the host refuses, it runs somewhere
        while (IsActive)
        {
            if (!SendAll())
            {
                Thread.Yield();
            }
        }

        _ = CpuSet.Apply(everywhere);
        Volatile.Write(ref _running, false);
    }
}
