using System.Buffers;
using System.Runtime.InteropServices;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Programs;

/// <summary>A file of the installation as memory: what nobody looks at is not read, and what is read the host shares between processes. Mapped as long as the .NET process lives, as the code beside it.</summary>
internal sealed unsafe class MappedFile : MemoryManager<byte>
{
    private readonly byte* _first;
    private readonly int _length;

    private MappedFile(byte* first, int length)
    {
        _first = first;
        _length = length;
    }

    /// <summary>Maps a file that is not empty.</summary>
    /// <exception cref="IOException">It cannot be opened or mapped.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public static ReadOnlyMemory<byte> Open(string path)
    {
        using var file = File.OpenHandle(path);
        int length = checked((int)RandomAccess.GetLength(file));
        byte* first = Libc.mmap(null, length, Libc.ProtRead, Libc.MapPrivate, (int)file.DangerousGetHandle(), 0);
        return first == (byte*)-1
            ? throw new IOException($"cannot map {path}: {Marshal.GetLastPInvokeErrorMessage()}")
            : new MappedFile(first, length).Memory;
    }

    /// <inheritdoc/>
    public override Span<byte> GetSpan() => new(_first, _length);

    /// <inheritdoc/>
    public override MemoryHandle Pin(int elementIndex = 0) => new(_first + elementIndex);

    /// <inheritdoc/>
    public override void Unpin()
    {
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
    }
}
