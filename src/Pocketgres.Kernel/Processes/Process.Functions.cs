using Pocketgres.Kernel.Memory;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel;

/// <content>Calling into the program from the host side.</content>
public sealed unsafe partial class Process
{
    /// <summary>Code address of the program's function with this index: <c>delegate*&lt;byte*, args..., result&gt;</c>.</summary>
    public nint Function(int index) => Program.Main.Function(index);

    /// <summary>Code address of an exported function.</summary>
    /// <exception cref="MissingMethodException">No such export.</exception>
    public nint Export(string name) => Program.Main.Export(name);

    /// <summary>The program's shadow stack pointer: save it, <see cref="StackAllocate"/>, call, restore it.</summary>
    public int StackPointer
    {
        get => *(int*)(Memory + InstanceLayout.StackPointer);
        set => *(int*)(Memory + InstanceLayout.StackPointer) = value;
    }

    /// <summary>Index of the resumable function whose loop the process is in (or was last), and the shadow stack pointer at the loop's head; -1 for none.</summary>
    public (int Function, int StackPointer) ResumePoint =>
        (*(int*)(Memory + InstanceLayout.ResumeFunction) - 1, *(int*)(Memory + InstanceLayout.ResumeStackPointer));

    /// <summary>In a copy of a process: makes the next call of <see cref="ResumePoint"/>'s function, whatever its arguments, go on at its loop's head.</summary>
    public void RequestResume() => *(int*)(Memory + InstanceLayout.ResumeRequest) = *(int*)(Memory + InstanceLayout.ResumeFunction);

    /// <summary>Space on the shadow stack, 16-byte aligned.</summary>
    public int StackAllocate(int size) => StackPointer = (StackPointer - size) & ~15;

    /// <summary>Maps fresh shared memory (inherited by children) over <paramref name="length"/> bytes at an address of this process.</summary>
    public void MapSharedMemory(string name, int address, long length) =>
        AddressSpace.MapShared((uint)address, length, SharedMemory.Create(name, length));

    /// <summary>Pages the last fork copied, and how often the fork template was rebuilt.</summary>
    public (int CopiedPages, int TemplateBuilds) ForkStatistics => AddressSpace.ForkStatistics;
}
