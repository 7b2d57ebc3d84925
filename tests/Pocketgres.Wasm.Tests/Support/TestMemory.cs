using System.Runtime.InteropServices;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Wasm.Tests.Support;

/// <summary>The address range of one instance: negative area and the whole 8 GiB reservation, backed on demand.</summary>
public sealed unsafe partial class TestMemory : IDisposable
{
    private const long Size = InstanceLayout.NegativeBytes + InstanceLayout.ReservedBytes;
    private const int ReadWrite = 3;
    private readonly byte* start;

    public TestMemory()
    {
        // PRIVATE | ANONYMOUS | NORESERVE
        int flags = OperatingSystem.IsMacOS() ? 0x2 | 0x1000 | 0x40 : 0x2 | 0x20 | 0x4000;
        start = (byte*)Mmap(0, unchecked((nint)Size), ReadWrite, flags, -1, 0);
        if ((nint)start == -1)
        {
            throw new InvalidOperationException($"mmap failed, errno {Marshal.GetLastPInvokeError()}");
        }
    }

    /// <summary>Linear memory's byte 0.</summary>
    public byte* M => start + InstanceLayout.NegativeBytes;

    public void Dispose() => _ = Munmap((nint)start, unchecked((nint)Size));

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Mmap(nint address, nint length, int protection, int flags, int descriptor, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int Munmap(nint address, nint length);
}
