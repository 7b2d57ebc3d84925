namespace Pocketgres.Wasm.Abi;

/// <summary>
/// Where things lie around linear memory. Every translated method gets <c>byte* m</c>, the address of linear memory's byte 0.
/// What a WebAssembly engine would keep in objects (globals, function table, handle to the process) lies at negative offsets
/// from <c>m</c>: no object reference on the hot path, and one contiguous range is a whole snapshot.
/// </summary>
/// <remarks>
/// <code>
///   m - 0x100000   function table: 65,536 code pointers of 8 bytes (index masked to 16 bits, so no bounds check)
///   m -  0x80000   globals of side modules, handed out downwards from m - 0x2000 at translation
///   m -   0x1400   the resume frame of a process that waits in its main loop (see <see cref="ResumeRequest"/>)
///   m -   0x1808   scratch for outlined code (return value, then the locals it hands back)
///   m -    0x830   an interrupt is wanted (4 bytes)
///   m -    0x82C   a signal wants to be handled (4 bytes)
///   m -    0x828   lowest stack pointer that the thread may have (8 bytes)
///   m -    0x820   lowest stack pointer that the program wants the thread to have (8 bytes)
///   m -    0x808   GCHandle of the kernel's process object (8 bytes)
///   m -    0x800   memory size in 64 KiB pages (4 bytes)
///   m -      8*k   mutable global k-1 of the main module; global 0 is the shadow stack pointer
///   m              linear memory, 8 GiB reserved: m + (uint)address + offset never leaves the reservation
/// </code>
/// </remarks>
internal static class InstanceLayout
{
    /// <summary>Bytes mapped below <c>m</c>.</summary>
    public const long NegativeBytes = 0x100000;

    /// <summary>Offset of the function table.</summary>
    public const int TableOffset = -0x100000;

    /// <summary>Slots in the function table; a power of two, so that masking replaces the bounds check.</summary>
    public const int TableSlots = 0x10000;

    /// <summary>Lowest offset that side modules' globals may use.</summary>
    public const int SideGlobalsLow = -0x80000;

    /// <summary>First offset below which side modules' globals are handed out.</summary>
    public const int SideGlobalsHigh = -0x2000;

    /// <summary>Offset just above the scratch slots of outlined blocks (slot k is at <c>OutlineScratch + 8*k</c>).</summary>
    public const int OutlineScratch = -0x1800;

    /// <summary>Offset of the scratch slot for the return value of a function that returns from outlined code.</summary>
    public const int OutlineResult = -0x1808;

    /// <summary>
    /// Offset of the index + 1 (int) of the resumable function that shall go on at its loop instead of starting; 0: none. Whoever resumes a
    /// process sets it and calls the function with any arguments; the function clears it.
    /// </summary>
    public const int ResumeRequest = -0x1400;

    /// <summary>Offset of the index + 1 (int) of the function that wrote the resume frame last; 0: none did.</summary>
    public const int ResumeFunction = -0x13F8;

    /// <summary>Offset of the shadow stack pointer (int) at the head of that function's loop.</summary>
    public const int ResumeStackPointer = -0x13F0;

    /// <summary>Offset of that function's locals, parameters first, 8 bytes each.</summary>
    public const int ResumeLocals = -0x13E8;

    /// <summary>Locals there is room for.</summary>
    public const int MaxResumeLocals = 300;

    /// <summary>
    /// Offset of a flag (int): the code shall call the kernel where it looks (see <c>InterruptFacts</c> of Pocketgres.Wasm). Whoever sets it also moves <see cref="StackLimit"/>, so that
    /// bounded functions do. Any thread writes it; a look that comes late does no harm.
    /// </summary>
    public const int InterruptWanted = -0x830;

    /// <summary>
    /// Offset of a flag (int): the code shall call the kernel at the heads of loops in which no error may come. Set with the other one, and cleared alone, so that such a loop does not
    /// take what is meant for the functions that it calls.
    /// </summary>
    public const int SignalWanted = -0x82C;

    /// <summary>
    /// Offset of the lowest stack pointer (<see cref="nint"/>) that bounded functions (see <c>RecursionFacts</c> of Pocketgres.Wasm) accept. Of the thread: set when a process starts.
    /// </summary>
    public const int StackLimit = -0x828;

    /// <summary>Offset of the same for the program's own checks (see <c>StackDepthCheck</c> of Pocketgres.Wasm).</summary>
    public const int StackDepthLimit = -0x820;

    /// <summary>Offset of the GCHandle (as <see cref="nint"/>) of the kernel's process object.</summary>
    public const int ProcessHandle = -0x808;

    /// <summary>Offset of the current memory size in 64 KiB pages (int).</summary>
    public const int MemoryPages = -0x800;

    /// <summary>Offset of the shadow stack pointer (main module's global 0).</summary>
    public const int StackPointer = -8;

    /// <summary>Bytes below the shadow stack pointer that a function may use without moving it, if it calls nothing: <c>RedZoneSize</c> of LLVM's WebAssemblyFrameLowering.</summary>
    public const int RedZone = 128;

    /// <summary>Bytes reserved for linear memory itself: 4 GiB of address plus 4 GiB of static offset.</summary>
    public const long ReservedBytes = 1L << 33;

    /// <summary>Size of a WebAssembly page.</summary>
    public const int PageSize = 65536;

    /// <summary>Offset of the main module's mutable global with this index.</summary>
    public static int MainGlobal(int index) => -8 * (index + 1);
}
