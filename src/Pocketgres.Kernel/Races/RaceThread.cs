using Pocketgres.Kernel.Memory;

namespace Pocketgres.Kernel.Races;

/// <summary>A process as the checker of races sees it: a slot, and a vector clock: what it has learned of the others' clocks.</summary>
internal sealed class RaceThread
{
    /// <summary>Processes at a time.</summary>
    public const int Slots = 256;

    private readonly Dictionary<AddressSpace.SharedMapping, ulong> _inodes = [];

    // What others tell it by signals and by ending its waits, until it looks.
    private readonly int[] _inbox = new int[Slots];

    public RaceThread(int slot, int clock, RaceThread? parent)
    {
        Slot = slot;
        if (parent is not null)
        {
            Join(Clock, parent.Clock);
            parent.Tick();
        }

        Clock[slot] = clock;
    }

    public int Slot { get; }

    /// <summary>By slot. Of the process's own thread.</summary>
    public int[] Clock { get; } = new int[Slots];

    /// <summary>The host's number of a shared memory, which costs a call.</summary>
    public ulong InodeOf(AddressSpace.SharedMapping mapping)
    {
        if (!_inodes.TryGetValue(mapping, out ulong inode))
        {
            _inodes[mapping] = inode = mapping.Memory.HostInode;
        }

        return inode;
    }

    /// <summary>What comes now is not known to who has learned of what was before.</summary>
    public void Tick() => Clock[Slot]++;

    /// <summary>From another process's thread: what it has done, this one will know.</summary>
    public void Tell(RaceThread sender)
    {
        lock (_inbox)
        {
            Join(_inbox, sender.Clock);
        }

        sender.Tick();
    }

    /// <summary>The process looks.</summary>
    public void Learn()
    {
        lock (_inbox)
        {
            Join(Clock, _inbox);
        }
    }

    public static void Join(int[] target, int[] source)
    {
        for (int i = 0; i < Slots; i++)
        {
            target[i] = Math.Max(target[i], source[i]);
        }
    }
}
