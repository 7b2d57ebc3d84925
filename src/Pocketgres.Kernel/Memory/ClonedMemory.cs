using System.Runtime.InteropServices;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Memory;

/// <summary>
/// The shared memory of a clone: copy-on-write against a snapshot, and yet shared between the clone's processes. Linux has no such mapping,
/// as long as it is so, only the holder of the kernel's lock runs (<see cref="PosixKernel.IsExclusive"/>): the one MAP_PRIVATE mapping with the clone's own pages moves (mremap) into the address space of
/// whoever gets the lock. A move costs about 6 us, because whole page tables move if both addresses lie equally within 2 MiB. A clone that
/// switches often is busy: then the content moves into a memfd that all processes map, once and for all, and they run beside each other.
/// </summary>
/// <remarks>Used under the kernel's lock. A process that does not hold it finds the snapshot's pages at this address, so it must not look.</remarks>
internal sealed unsafe class ClonedMemory : SharedMemory
{
    /// <summary>
    /// Moves after which the content gets a memfd: together they cost about as much as that (a millisecond for each 2 MiB in use).
    /// </summary>
    public const int PatientMoves = 400;

    private const long HugePage = 2 << 20;

    private readonly MemoryImage _origin;
    private readonly uint _address;
    private readonly List<AddressSpace> _spaces = [];
    private readonly Func<bool> _isAwaited;
    private readonly string _pageMapPath;
    private AddressSpace? _holder;
    private byte* _pages; // where the clone's own pages are; null while nobody touched any
    private byte* _parking; // reservation for them while no process has them
    private byte* _parkingReservation;
    private bool _shared;

    /// <summary>Memory that starts as <paramref name="origin"/>.</summary>
    /// <param name="origin">The content; a reference is taken.</param>
    /// <param name="address">Where all processes have it, in linear memory.</param>
    /// <param name="isAwaited">Whether a process that has no memory yet may still map it.</param>
    /// <param name="pageMapPath">See <see cref="PageMap"/>.</param>
    public ClonedMemory(MemoryImage origin, uint address, Func<bool> isAwaited, string pageMapPath = PageMap.DefaultPath)
        : base(-1)
    {
        _origin = origin.AddReference();
        _address = address;
        _isAwaited = isAwaited;
        _pageMapPath = pageMapPath;
    }

    /// <summary>The content it started with; null once its processes map a copy of its own.</summary>
    public MemoryImage? Origin => _shared ? null : _origin;

    /// <summary>Whether all processes map the content, which they can then use at once. Any thread.</summary>
    public bool IsShared => Volatile.Read(ref _shared);

    /// <summary>How often the pages moved.</summary>
    public int Moves { get; private set; }

    /// <inheritdoc/>
    public override void MapInto(AddressSpace space, uint address, long length)
    {
        if (_shared)
        {
            base.MapInto(space, address, length);
            return;
        }

        AddressSpace.MapAt(space.Base + address, length, Libc.MapPrivate | Libc.MapFixed | Libc.MapNoReserve, _origin.Descriptor, 0);
        _spaces.Add(space);
    }

    /// <summary>As <see cref="MapInto"/>, for a space that has the origin mapped already.</summary>
    public void Join(AddressSpace space)
    {
        if (_shared)
        {
            base.MapInto(space, _address, _origin.Length);
            return;
        }

        _spaces.Add(space);
    }

    /// <summary>Makes the content visible to a process that has just got the kernel's lock.</summary>
    /// <exception cref="HostResourceException">The host refuses memory.</exception>
    public void GiveTo(AddressSpace space)
    {
        if (_shared || _holder == space || !_spaces.Contains(space))
        {
            return;
        }

        byte* target = space.Base + _address;
        if (_pages != null)
        {
            if (Moves >= PatientMoves || !Move(target))
            {
                Share();
                return;
            }
        }

        if (_pages == null && !space.HasClonedPages)
        {
            _origin.WorkingSet.Populate(target);
        }

        _pages = target;
        _holder = space;
    }

    /// <summary>A process that was started in the clone ends: what the clone has written until now, other clones of the snapshot will write too.</summary>
    public void LearnWorkingSet()
    {
        if (_pages != null && !_origin.WorkingSet.IsKnown)
        {
            using var pageMap = new PageMap(_pageMapPath);
            _origin.WorkingSet.Learn(pageMap.PrivatePages(_pages, _origin.Length));
        }
    }

    /// <inheritdoc/>
    public override void Leave(AddressSpace space)
    {
        if (!_spaces.Remove(space))
        {
            return;
        }

        space.KeepsClonedMapping = true;
        if (_holder != space)
        {
            return;
        }

        _holder = null;
        space.HasClonedPages = false;
        if (_spaces.Count > 0)
        {
            // To the first one, the server's main process, which is the next to run as a rule.
            byte* target = _spaces[0].Base + _address;
            if (!Move(target))
            {
                Share();
                return;
            }

            _pages = target;
            _holder = _spaces[0];
        }
        else if (_isAwaited())
        {
            Park();
        }
        else
        {
            space.HasClonedPages = true;
            _pages = null;
        }
    }

    /// <inheritdoc/>
    public override void CopyTo(MemoryImage image, AddressSpace? space, uint address)
    {
        if (_shared)
        {
            base.CopyTo(image, space, address);
        }
        else if (_pages == null)
        {
            MemoryImage.CopyContent(_origin.Descriptor, image.Length, image.Descriptor);
        }
        else
        {
            using var pageMap = new PageMap(_pageMapPath);
            image.WriteBackedPages(_pages, 0, image.Length, _origin.Descriptor, 0, pageMap);
        }
    }

    /// <inheritdoc/>
    protected override void Free()
    {
        _origin.Release();
        FreeParking();
        if (_shared)
        {
            base.Free();
        }
    }

    // The clone is busy (or the host cannot move pages): from now on a memfd, mapped MAP_SHARED by everybody.
    private void Share()
    {
        var image = new MemoryImage("pocketgres-shm", _origin.Length, []);
        try
        {
            using var pageMap = new PageMap(_pageMapPath);
            image.WriteBackedPages(_pages, 0, image.Length, _origin.Descriptor, 0, pageMap);
            Descriptor = Libc.fcntl(image.Descriptor, Libc.DuplicateCloseOnExec, 0);
            if (Descriptor < 0)
            {
                throw new HostResourceException($"cannot duplicate a descriptor (errno {Marshal.GetLastPInvokeError()})", HostErrno.Last());
            }
        }
        finally
        {
            image.Release();
        }

        foreach (var space in _spaces)
        {
            base.MapInto(space, _address, _origin.Length);
        }

        FreeParking();
        Volatile.Write(ref _shared, true);
        _spaces.Clear();
        _holder = null;
        _pages = null;
    }

    private void Park()
    {
        if (_parking == null)
        {
            _parkingReservation = Libc.mmap(null, (nint)(_origin.Length + HugePage), Libc.ProtNone,
                Libc.MapPrivate | Libc.MapAnonymous | Libc.MapNoReserve, -1, 0);
            if ((nint)_parkingReservation == -1)
            {
                _parkingReservation = null;
                throw new HostResourceException("cannot reserve address space for a clone's shared memory");
            }

            _parking = _parkingReservation + (nint)(((long)_pages - (long)_parkingReservation) & (HugePage - 1));
        }

        if (Move(_parking))
        {
            _pages = _parking;
        }
        else
        {
            Share();
        }
    }

    private bool Move(byte* target)
    {
        if (Libc.mremap(_pages, (nint)_origin.Length, (nint)_origin.Length, Libc.MovePages, target) != target)
        {
            return false;
        }

        foreach (var space in _spaces)
        {
            space.HasClonedPages &= space.Base + _address != _pages && space.Base + _address != target;
        }

        Moves++;
        return true;
    }

    private void FreeParking()
    {
        if (_parkingReservation != null)
        {
            _ = Libc.munmap(_parkingReservation, (nint)(_origin.Length + HugePage));
            _parking = _parkingReservation = null;
        }
    }
}
