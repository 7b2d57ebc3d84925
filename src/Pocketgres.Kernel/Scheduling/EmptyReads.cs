namespace Pocketgres.Kernel.Scheduling;

/// <summary>Whether a process waits right after each read that found nothing, as one does that serves a client, and not one that only asks now and then. Of one thread.</summary>
internal struct EmptyReads
{
    private bool _open; // a read found nothing, and the process has not waited since
    private int _followed; // times in a row that a wait followed

    /// <summary>True when the last reads that found nothing were each followed by a wait.</summary>
    public readonly bool WaitFollows => _followed >= BusyWait.FirstTrial;

    /// <summary>A read found nothing.</summary>
    public void Read()
    {
        _followed = _open ? 0 : _followed;
        _open = true;
    }

    /// <summary>The look for input that replaces the wait found some.</summary>
    public void Found() => _open = false;

    /// <summary>The process waits.</summary>
    public void Wait()
    {
        if (_open)
        {
            _open = false;
            _followed = Math.Min(_followed + 1, BusyWait.FirstTrial);
        }
    }
}
