namespace Pocketgres.Kernel.Programs;

/// <summary>
/// What differs between programs of 32-bit addresses (ILP32) and of 64-bit ones (LP64): the width of pointers, <c>size_t</c> and <c>long</c>, and so the
/// layouts of C's structures, as emscripten's headers have them. Addresses are below 4 GiB in both, and the kernel passes them as int, to be taken as unsigned.
/// </summary>
public sealed unsafe class DataModel
{
    private DataModel()
    {
    }

    /// <summary>32-bit addresses.</summary>
    public static DataModel Ilp32 { get; } = new()
    {
        PointerSize = 4,
        MaximumMemory = 1L << 31, // emscripten's limit, unless a program is built otherwise
        Status = new(Links: 8, UserId: 12, GroupId: 16, DeviceType: 20, Size: 24, BlockSize: 32, Blocks: 36, Accessed: 40, Modified: 56, Changed: 72, Inode: 88, Length: 96),
        FileSystemStatus = new(BlockSize: 4, Blocks: 8, NameLength: 56, FragmentSize: 60, Length: 88),
        AddressInfo = new(Address: 20, Next: 28, Length: 32),
        TimeZoneOffset = 36,
    };

    /// <summary>64-bit addresses.</summary>
    public static DataModel Lp64 { get; } = new()
    {
        PointerSize = 8,
        MaximumMemory = 1L << 32,
        Status = new(Links: 8, UserId: 16, GroupId: 20, DeviceType: 24, Size: 32, BlockSize: 40, Blocks: 44, Accessed: 48, Modified: 64, Changed: 80, Inode: 96, Length: 104),
        FileSystemStatus = new(BlockSize: 8, Blocks: 16, NameLength: 64, FragmentSize: 72, Length: 120),
        AddressInfo = new(Address: 24, Next: 40, Length: 48),
        TimeZoneOffset = 40,
    };

    /// <summary>Bytes of a pointer, a <c>size_t</c> and a <c>long</c>.</summary>
    public int PointerSize { get; private init; }

    /// <summary>Bytes that linear memory can have.</summary>
    public long MaximumMemory { get; private init; }

    /// <summary>struct stat.</summary>
    internal StatusLayout Status { get; private init; }

    /// <summary>struct statfs.</summary>
    internal FileSystemStatusLayout FileSystemStatus { get; private init; }

    /// <summary>struct addrinfo.</summary>
    internal AddressInfoLayout AddressInfo { get; private init; }

    /// <summary>Offset of tm_gmtoff (a <c>long</c>) in struct tm; what precedes it are ints, what follows is the zone's name, a pointer.</summary>
    internal int TimeZoneOffset { get; private init; }

    /// <summary>The pointer, <c>size_t</c> or <c>long</c> at an address, cut to 32 bits.</summary>
    public int ReadPointer(byte* m, int address) => *(int*)(m + (uint)address);

    /// <summary>Writes a pointer or <c>size_t</c>.</summary>
    public void WritePointer(byte* m, int address, int value)
    {
        if (PointerSize == 8)
        {
            *(long*)(m + (uint)address) = (uint)value;
        }
        else
        {
            *(int*)(m + (uint)address) = value;
        }
    }

    /// <summary>st_dev is at 0 and st_mode at 4, times are {i64 seconds, long nanoseconds} in 16 bytes each.</summary>
    internal readonly record struct StatusLayout(
        int Links, int UserId, int GroupId, int DeviceType, int Size, int BlockSize, int Blocks, int Accessed, int Modified, int Changed, int Inode, int Length);

    /// <summary>f_blocks, f_bfree, f_bavail, f_files and f_ffree follow each other with 8 bytes each.</summary>
    internal readonly record struct FileSystemStatusLayout(int BlockSize, int Blocks, int NameLength, int FragmentSize, int Length);

    /// <summary>ai_flags, ai_family, ai_socktype, ai_protocol and ai_addrlen are ints from 0 on; ai_canonname and ai_next follow ai_addr.</summary>
    internal readonly record struct AddressInfoLayout(int Address, int Next, int Length);
}
