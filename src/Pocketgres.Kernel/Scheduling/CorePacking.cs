using System.Diagnostics;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Scheduling;

/// <summary>Where the threads of processes that compete for the global lock run.</summary>
internal enum CrowdMode
{
    /// <summary>Wherever the host likes.</summary>
    Spread,

    /// <summary>On one core.</summary>
    Packed,

    /// <summary>On one core, while an <see cref="OutputSender"/> runs on another one.</summary>
    PackedWithSender,
}

/// <summary>
/// Keeps the threads of a kernel whose processes compete for the global lock on one core of the host, with an <see cref="OutputSender"/> on another, while
/// that is measured to be faster.
/// </summary>
/// <remarks>
/// One process at a time runs anyway. Spread over several cores, processes wake each other on cores that have gone to sleep, which costs as much as a small
/// query (25-35 us on a virtual machine) wherever spinning for the lock does not avoid it (row locks, say); on one core it is a mere context switch, and the
/// clients have the other cores for themselves. How it comes out depends on the machine and on who else wants the cores, so it is tried: while there is a crowd,
/// a window in the other mode is compared with the windows before and after it: seldom once the answer repeats, soon when the rate shows that the crowd is another.
/// Three clients or more mostly gain by a sender, so they begin with it: bursts of work are shorter than what measuring takes.
/// A client on the processes' core halves the rate, as it gets little of it, and its questions and all who wait for its row locks wait with it. So the core is the one
/// with the fewest clients (<see cref="ClientCores"/>), and the sender, which keeps its core from ever looking idle to the host, starts when the others had time to move there.
/// Each thread changes its own affinity, when it next takes the lock. .NET gives the threads it makes the affinity of the whole process, so nobody
/// inherits ours; programs that the host starts would (see <see cref="Leave"/>).
/// </remarks>
/// <param name="mayUseSender">Whether threads may look for work without sleeping. If not, there is one core without a sender.</param>
internal sealed class CorePacking(bool mayUseSender)
{
    /// <summary>Value of <see cref="Process.Core"/>: wherever the host likes.</summary>
    public const int AnyCore = -1;

    private enum Trial
    {
        None,

        /// <summary>The other mode is in force.</summary>
        Other,

        /// <summary>It was faster, and the old one is in force again: perhaps the crowd itself has changed.</summary>
        Check,
    }

    private const double WorthIt = 1.08; // a change must gain more than windows differ by chance
    private const double WorthACore = 1.15; // the sender never sleeps
    private const double Difference = 1.5; // of the rates of two crowds
    private const int Many = 3; // clients
    private static readonly double s_busyRate = 5000.0 / Stopwatch.Frequency; // with so many requests the lock is busy, even if the timer's thread gets a core only when it is free
    private static readonly long s_window = Stopwatch.Frequency / 12; // 83 ms
    private static readonly long s_settling = Stopwatch.Frequency / 16; // 62 ms that are not measured after each change: the host takes its time to move threads, the clients' too
    private static readonly long s_clearing = Stopwatch.Frequency / 16; // 62 ms before the sender starts: the host wakes clients on cores that sleep
    private static readonly long s_pauseOfClearing = Stopwatch.Frequency; // if that was in vain twice, the client needs the core
    private static readonly long s_beginning = Stopwatch.Frequency / 10; // 100 ms in which clients still connect: they are counted, not measured
    private static readonly long s_firstPause = 2 * Stopwatch.Frequency; // until the next trial; doubles while the answer stays
    private static readonly long s_pauseOfAnother = Stopwatch.Frequency / 2; // also while the rate goes up and down
    private static readonly long s_newSessions = Stopwatch.Frequency / 2; // whose caches are empty: their rate says little
    private static readonly long s_longestPause = 16 * Stopwatch.Frequency;
    private static readonly long s_memory = 60 * Stopwatch.Frequency; // a crowd that comes back within it is treated as before

    private int _core = AnyCore; // where threads shall run; written by the timer's thread, read by all
    private CrowdMode _mode; // the same
    private int _windowNumber; // the same
    private bool _crowd; // the same

    // All below: the timer's thread only.
    private CpuSet _allowed;
    private int _allowedCount; // 0: not asked for yet
    private long _sendsFrom;
    private bool _sends; // in the mode that has a sender
    private long _nextClearing;
    private bool _beginning; // of a crowd
    private bool _many; // clients in the last crowd
    private Trial _trial;
    private CrowdMode _tried;
    private double _rateBefore;
    private double _rateInTrial;
    private long _pause = s_firstPause;
    private double _rateOfTrial; // what the better mode had in the last trial
    private long _nextTrial;
    private long _nextTrialOfAnother;
    private long _settled;
    private long _windowStart;
    private LockActivity _window;
    private long _tickSwitches;
    private int _ticks;
    private int _waitedTicks;
    private int _heldTicks;
    private CrowdMode _fastest; // the last trial's answer, or what is thought before the first one
    private bool _tested; // whether there was one
    private long _crowdEnded;
    private int _quietest; // the core with the fewest clients

    /// <summary>Where threads of processes are kept, or <see cref="AnyCore"/>. Any thread.</summary>
    public int Core => Volatile.Read(ref _core);

    /// <summary>True while threads are kept on one core. Any thread.</summary>
    public bool Packed => Core != AnyCore;

    /// <summary>Where the clients run.</summary>
    public ClientCores Clients { get; } = new();

    /// <summary>True while it is looked how a crowd does. Any thread.</summary>
    public bool Watches => Volatile.Read(ref _crowd);

    /// <summary>What is in force. Any thread.</summary>
    public CrowdMode Mode => _mode;

    /// <summary>The number of the window that is measured now: requests are counted by window. Any thread.</summary>
    public int Window => Volatile.Read(ref _windowNumber);

    /// <summary>Starts or ends the sender. Called by the timer's thread.</summary>
    public void Follow(OutputSender sender)
    {
        if (_mode == CrowdMode.PackedWithSender && _sends)
        {
            sender.Start(_allowed, _core);
        }
        else
        {
            sender.Stop();
        }
    }

    /// <summary>Moves the calling thread to where it shall run, if it is not there. Called before it takes the lock.</summary>
    public void Follow(Process process)
    {
        int core = Core;
        if (process.Core != core)
        {
            Move(process, core);
        }
    }

    /// <summary>Lets the calling thread run anywhere: before it starts a program of the host, which would inherit its affinity, or goes back to the pool.</summary>
    public void Leave(Process process)
    {
        if (process.Core != AnyCore)
        {
            Move(process, AnyCore);
        }
    }

    /// <summary>Looks how it goes; called about every millisecond by the preemption timer.</summary>
    /// <param name="seen">What the timer sees of the lock.</param>
    /// <param name="now">The time, as <see cref="Stopwatch"/> counts it.</param>
    /// <returns>
    /// True while several processes take turns on one core: as only one of them runs there at a time, hardly one ever finds the lock taken, and
    /// the timer must not think that the crowd has gone.
    /// </returns>
    public bool Tick(in LockActivity seen, long now)
    {
        if (!_crowd)
        {
            BeginCrowd(now, seen);
        }

        _sends = now >= _sendsFrom;
        bool taken = Packed && seen.Switches != _tickSwitches;
        _tickSwitches = seen.Switches;
        if (now < _settled)
        {
            BeginWindow(now, seen);
            return taken;
        }

        _ticks++;
        _waitedTicks += seen.Waited ? 1 : 0;
        _heldTicks += seen.Held ? 1 : 0;
        long elapsed = now - _windowStart;
        if (elapsed < (_beginning ? s_beginning : s_window))
        {
            return taken;
        }

        long work = seen.Requests - _window.Requests, switches = seen.Switches - _window.Switches;
        double rate = work / (double)elapsed;
        bool takeTurns = switches * 4 > work && (_heldTicks * 4 > _ticks || rate > s_busyRate);
        bool crowd = takeTurns || (!Packed && _waitedTicks * 2 > _ticks);
        crowd &= seen.ActiveSections == 0 && seen.Sections == _window.Sections; // who runs without the lock needs a core of its own
        bool many = seen.Clients - _window.Clients >= Many;
        _quietest = Clients.Quietest(_allowed, preferred: _quietest);
        bool mixed = Clients.IsAmong(_quietest);
        BeginWindow(now, seen);
        if (_allowedCount < 2)
        {
            return false;
        }

        if (!crowd || rate <= 0)
        {
            // One client with a helper or two: its latency counts, and rates mean nothing.
            _trial = Trial.None;
            Change(CrowdMode.Spread, now);
        }
        else if (_beginning)
        {
            _beginning = false;
            Foresee(many, now);
        }
        else if (mixed && _mode == CrowdMode.PackedWithSender && now >= _nextClearing)
        {
            Settle(now);
            _nextClearing = _settled + s_pauseOfClearing;
        }
        else if (_trial != Trial.None)
        {
            Judge(rate, now);
        }
        else if (now >= _nextTrial || (now >= _nextTrialOfAnother && IsAnother(rate)))
        {
            _trial = Trial.Other;
            _tried = _fastest != CrowdMode.Spread ? CrowdMode.Spread : mayUseSender ? CrowdMode.PackedWithSender : CrowdMode.Packed;
            _rateBefore = rate;
            Change(_tried, now);
        }
        else
        {
            Change(_fastest, now);
        }

        return taken;
    }

    /// <summary>The crowd has gone and the timer stops.</summary>
    /// <param name="now">The time, as <see cref="Stopwatch"/> counts it.</param>
    public void EndCrowd(long now)
    {
        _crowdEnded = now;
        _crowd = false;
        _trial = Trial.None;
        Change(CrowdMode.Spread, now);
    }

    private void BeginCrowd(long now, in LockActivity seen)
    {
        _crowd = true;
        if (_allowedCount == 0)
        {
            _allowed = CpuSet.OfHostProcess();
            _allowedCount = Math.Max(1, _allowed.Count);
            _quietest = Libc.CurrentCore();
        }

        _beginning = true;
        if (now - _crowdEnded > s_memory)
        {
            Expect(CrowdMode.Spread, now);
        }

        Change(_fastest, now);
        _settled = now;
        BeginWindow(now, seen);
    }

    // What is thought of a crowd that has not been measured.
    private void Foresee(bool many, long now)
    {
        if (!_tested || _many != many)
        {
            Expect(many && mayUseSender ? CrowdMode.PackedWithSender : CrowdMode.Spread, now);
        }
        else
        {
            _nextTrial = Math.Max(_nextTrial, now + s_firstPause); // bursts of work are not tried each
        }

        _many = many;
        Change(_fastest, now);
    }

    private void Expect(CrowdMode mode, long now)
    {
        _fastest = mode;
        _tested = false;
        _pause = s_firstPause;
        _nextTrial = mode == CrowdMode.Spread ? now : now + s_newSessions;
    }

    private void BeginWindow(long now, in LockActivity seen)
    {
        Volatile.Write(ref _windowNumber, _windowNumber + 1);
        Clients.Clear();
        _windowStart = now;
        _window = seen;
        _ticks = 0;
        _waitedTicks = 0;
        _heldTicks = 0;
    }

    private void Judge(double rate, long now)
    {
        // Of many clients' processes, one spins where there is no sender: then that costs a core as well.
        double worth = _many ? WorthIt : _tried == CrowdMode.PackedWithSender ? WorthACore : _fastest == CrowdMode.PackedWithSender ? 1 / WorthIt : WorthIt;
        bool checking = _trial == Trial.Check;
        if (!checking)
        {
            _rateInTrial = rate;
        }

        bool better = _rateInTrial > (checking ? rate : _rateBefore) * worth;
        if (better && !checking)
        {
            _trial = Trial.Check;
            Change(_fastest, now);
            return;
        }

        if (better)
        {
            _fastest = _tried;
        }

        _tested = true;
        _trial = Trial.None;
        _pause = better || IsAnother(_rateBefore) ? s_firstPause : Math.Min(2 * _pause, s_longestPause);
        _rateOfTrial = better ? _rateInTrial : _rateBefore;
        _nextTrial = now + _pause;
        _nextTrialOfAnother = now + s_pauseOfAnother;
        Change(_fastest, now);
    }

    // Another crowd, or one that does something else: what was found for the last one says nothing about it.
    private bool IsAnother(double rate) => rate > _rateOfTrial * Difference || rate * Difference < _rateOfTrial;

    private void Change(CrowdMode mode, long now)
    {
        int core = mode == CrowdMode.Spread ? AnyCore : _quietest;
        if (mode != _mode || core != _core)
        {
            _mode = mode;
            Volatile.Write(ref _core, core);
            Settle(now);
            _nextClearing = now;
        }
    }

    private void Settle(long now)
    {
        _sends = false;
        _sendsFrom = _mode == CrowdMode.PackedWithSender ? now + s_clearing : now;
        _settled = _sendsFrom + s_settling;
    }

    private void Move(Process process, int core)
    {
        // Losing a race with hot-unplugging of processors, or a cpuset made smaller meanwhile: the host's own choice is as good.
        _ = core == AnyCore ? CpuSet.Apply(_allowed) : CpuSet.Apply(CpuSet.Single(core));
        process.Core = core;
    }
}

/// <summary>What the preemption timer sees of the lock at one moment.</summary>
/// <param name="Requests">How many waits for a descriptor have ended with something to do: requests of clients, mostly.</param>
/// <param name="Clients">How many processes had several requests in one window, summed over all windows (<see cref="CorePacking.Window"/>).</param>
/// <param name="Switches">How often the lock went to another process than the one that had it last.</param>
/// <param name="Sections">How many private sections have begun.</param>
/// <param name="ActiveSections">How many processes are in one.</param>
/// <param name="Held">Whether a process has it.</param>
/// <param name="Waited">Whether somebody waits for it.</param>
internal readonly record struct LockActivity(long Requests, long Clients, long Switches, long Sections, int ActiveSections, bool Held, bool Waited);
