using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Programs;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel;

/// <summary>A process in a snapshot. Immutable.</summary>
public sealed record ProcessSnapshot
{
    internal ProcessSnapshot()
    {
    }

    /// <summary>Process id.</summary>
    public int Pid { get; init; }

    /// <summary>Parent's process id, 0 for none.</summary>
    public int ParentPid { get; init; }

    /// <summary>Label for logs.</summary>
    public string Title { get; init; } = "";

    /// <summary>The source's <see cref="Process.Tag"/>.</summary>
    public object? Tag { get; init; }

    internal ProgramImage Program { get; init; } = null!;

    internal IReadOnlyList<string> Environment { get; init; } = [];

    internal string WorkingDirectory { get; init; } = "/";

    internal int Umask { get; init; }

    internal IReadOnlyList<DescriptorSnapshot> Descriptors { get; init; } = [];

    internal long PendingSignals { get; init; }

    internal int Semaphore { get; init; }

    internal double AlarmMilliseconds { get; init; }

    /// <summary>Stopwatch ticks until the wait it was in ends; negative: it does not.</summary>
    internal long WaitLeft { get; init; }

    internal ProcessMemory Memory { get; init; } = null!;
}

/// <summary>The memory of a process in a snapshot. Immutable; counted references.</summary>
internal sealed unsafe class ProcessMemory
{
    private readonly MemoryImage _image;
    private readonly long _size;
    private readonly IReadOnlyList<(uint Address, long Length, int Segment)> _shared;

    private readonly WorkingSets _childSets;

    private ProcessMemory(MemoryImage image, long size, IReadOnlyList<(uint Address, long Length, int Segment)> shared, DynamicLinker linker,
        WorkingSets childSets)
    {
        _childSets = childSets;
        _image = image;
        _size = size;
        _shared = shared;
        Linker = linker;
    }

    /// <summary>The loaded modules.</summary>
    public DynamicLinker Linker { get; }

    /// <summary>Bytes of content.</summary>
    public long ContentBytes => _image.ContentBytes;

    /// <summary>Spaces of clones' processes that started from it, for later ones.</summary>
    public SpareSpaces Spares => _image.Spares;

    /// <summary>The shared memory that it has in a clone.</summary>
    public IReadOnlyList<AddressSpace.SharedMapping> SharedMappings(PosixKernel clone) =>
        [.. _shared.Select(s => new AddressSpace.SharedMapping(s.Address, s.Length, clone.Segment(s.Segment)))];

    /// <summary>Copies the private memory of a process. Under the kernel's lock.</summary>
    /// <param name="process">The process.</param>
    /// <param name="segments">The shared memory in the snapshot, by number.</param>
    public static ProcessMemory Capture(Process process, List<SharedMemory> segments)
    {
        var space = process.AddressSpace;
        return new ProcessMemory(space.Capture((uint)process.Linker.BreakAddress()), space.Size,
            [.. space.SharedMappings.Select(s => (s.Address, s.Length, segments.IndexOf(s.Memory)))], process.Linker.Detached(), space.ChildSets);
    }

    /// <summary>The same memory for another snapshot: of the clone whose process this still is.</summary>
    public ProcessMemory CopyFor(PosixKernel clone, List<SharedMemory> segments) => new(_image.AddReference(), _size,
        [.. _shared.Select(s => (s.Address, s.Length, segments.IndexOf(clone.Segment(s.Segment))))], Linker, _childSets);

    /// <inheritdoc cref="MemoryImage.Release"/>
    public void Release() => _image.Release();

    /// <summary>Copies bytes out; those of shared memory are not here.</summary>
    public void Read(int address, void* buffer, int count) =>
        _ = Libc.pread(_image.Descriptor, buffer, count, InstanceLayout.NegativeBytes + (uint)address);

    /// <summary>A copy-on-write address space, with the clone's shared memory where the source had its own.</summary>
    /// <param name="kernel">The clone.</param>
    public AddressSpace Map(PosixKernel kernel) => AddressSpace.FromImage(_image, _size, SharedMappings(kernel), _childSets, kind: "thawed");
}
