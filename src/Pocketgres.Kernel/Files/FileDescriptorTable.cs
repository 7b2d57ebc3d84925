using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace Pocketgres.Kernel.Files;

/// <summary>A process's file descriptors: small numbers for open file descriptions. Used under the kernel's lock.</summary>
/// <param name="limit">RLIMIT_NOFILE: one more than the largest descriptor.</param>
public sealed class FileDescriptorTable(int limit = FileDescriptorTable.DefaultLimit)
{
    /// <summary>What Linux gives by default (the hard limit); Postgres itself keeps to max_files_per_process.</summary>
    public const int DefaultLimit = 4096;

    private const int SmallestSize = 32;

    private Slot[] _slots = new Slot[SmallestSize];
    private int _firstFree; // no free descriptor below

    /// <summary>RLIMIT_NOFILE.</summary>
    public int Limit { get; } = limit;

    /// <summary>Number of open descriptors.</summary>
    public int Count { get; private set; }

    /// <summary>Finds an open descriptor. False means EBADF.</summary>
    public bool TryGet(int fd, [NotNullWhen(true)] out OpenFile? file)
    {
        var slots = _slots;
        file = (uint)fd < (uint)slots.Length ? slots[fd].File : null;
        return file != null;
    }

    /// <summary>Gives <paramref name="file"/> the lowest free descriptor. Takes over the caller's reference, also on failure.</summary>
    /// <returns>The descriptor, or -EMFILE (the file is released), or -EINVAL when <paramref name="minimum"/> is out of range.</returns>
    public int Add(OpenFile file, int minimum = 0, bool closeOnExec = false)
    {
        if (minimum < 0 || minimum >= Limit)
        {
            file.Release();
            return -(int)Errno.EINVAL;
        }

        int fd = Math.Max(minimum, _firstFree);
        while (fd < _slots.Length && _slots[fd].File != null)
        {
            fd++;
        }

        if (fd >= Limit)
        {
            file.Release();
            return -(int)Errno.EMFILE;
        }

        if (minimum <= _firstFree)
        {
            _firstFree = fd + 1;
        }

        Put(fd, file, closeOnExec);
        return fd;
    }

    /// <summary>dup(2) and fcntl(F_DUPFD): a second descriptor for the same description.</summary>
    public int Duplicate(int fd, int minimum = 0, bool closeOnExec = false) =>
        TryGet(fd, out var file) ? Add(file.AddReference(), minimum, closeOnExec) : -(int)Errno.EBADF;

    /// <summary>dup3(2): makes <paramref name="target"/> refer to the description of <paramref name="fd"/>, closing what it was.</summary>
    public int Duplicate(int fd, int target, OpenFlags flags)
    {
        if (!TryGet(fd, out var file) || target < 0 || target >= Limit)
        {
            return -(int)Errno.EBADF;
        }

        if (fd == target || (flags & ~OpenFlags.CloseOnExec) != 0)
        {
            return -(int)Errno.EINVAL;
        }

        file.AddReference();
        Close(target);
        Put(target, file, (flags & OpenFlags.CloseOnExec) != 0);
        return target;
    }

    /// <summary>close(2).</summary>
    public Errno Close(int fd)
    {
        if (!TryGet(fd, out var file))
        {
            return Errno.EBADF;
        }

        _slots[fd] = default;
        _firstFree = Math.Min(_firstFree, fd);
        Count--;
        file.Release();
        return Errno.None;
    }

    /// <summary>FD_CLOEXEC. There is no exec: the flag is remembered for fcntl(F_GETFD) only.</summary>
    public bool IsCloseOnExec(int fd) => _slots[fd].CloseOnExec;

    /// <inheritdoc cref="IsCloseOnExec"/>
    public void SetCloseOnExec(int fd, bool value) => _slots[fd].CloseOnExec = value;

    /// <summary>A table with the same descriptors for the same descriptions, as fork(2) gives the child.</summary>
    public FileDescriptorTable Fork()
    {
        // A process that only tried how many descriptors it can have (Postgres' postmaster, at its start) would make every child's table that large.
        int used = _slots.Length;
        while (used > SmallestSize && _slots[used - 1].File == null)
        {
            used--;
        }

        Array.Resize(ref _slots, Math.Min(_slots.Length, (int)BitOperations.RoundUpToPowerOf2((uint)used)));
        var child = new FileDescriptorTable(Limit) { _slots = (Slot[])_slots.Clone(), _firstFree = _firstFree, Count = Count };
        foreach (var slot in child._slots)
        {
            slot.File?.AddReference();
        }

        return child;
    }

    /// <summary>Closes everything: the process exits.</summary>
    public void CloseAll()
    {
        for (int fd = 0; fd < _slots.Length; fd++)
        {
            Close(fd);
        }
    }

    /// <summary>The open descriptors and their descriptions, by number.</summary>
    public IEnumerable<(int Descriptor, OpenFile File)> OpenDescriptors()
    {
        for (int fd = 0; fd < _slots.Length; fd++)
        {
            if (_slots[fd].File is { } file)
            {
                yield return (fd, file);
            }
        }
    }

    /// <summary>Closes the descriptors that a condition on number and description holds for.</summary>
    public void CloseWhere(Func<int, OpenFile, bool> condition)
    {
        ArgumentNullException.ThrowIfNull(condition);
        for (int fd = 0; fd < _slots.Length; fd++)
        {
            if (_slots[fd].File is { } file && condition(fd, file))
            {
                Close(fd);
            }
        }
    }

    /// <summary>Makes a descriptor refer to <paramref name="file"/>, whose reference the table takes over; closes what it was.</summary>
    public void Replace(int fd, OpenFile file)
    {
        Close(fd);
        Put(fd, file, closeOnExec: false);
    }

    private void Put(int fd, OpenFile file, bool closeOnExec)
    {
        if (fd >= _slots.Length)
        {
            var slots = new Slot[Math.Min(Limit, Math.Max(fd + 1, _slots.Length * 2))];
            Array.Copy(_slots, slots, _slots.Length);
            _slots = slots;
        }

        _slots[fd] = new Slot { File = file, CloseOnExec = closeOnExec };
        Count++;
    }

    private struct Slot
    {
        public OpenFile? File;
        public bool CloseOnExec;
    }
}
