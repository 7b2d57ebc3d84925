using System.Runtime.ExceptionServices;
using System.Text;
using Pocketgres.Kernel.Files;
using Pocketgres.Kernel.Memory;
using Pocketgres.Kernel.Programs;
using Pocketgres.Kernel.Syscalls;

namespace Pocketgres.Kernel.Tests.Files;

/// <summary>
/// A test that runs as a process of a kernel: on the process's thread, making system calls through linear memory
/// as translated code would; but only those take the kernel's lock that do so themselves. Results are errno as WASI numbers them: negative like the calls', so -44 is ENOENT.
/// </summary>
internal sealed unsafe class Guest
{
    private const int MemorySize = 8 << 20;
    private const int Scratch = 1 << 16; // strings and structs of the call at hand
    private const int Data = 1 << 20; // transferred bytes

    private readonly byte* _m;
    private int _free = Scratch;

    private Guest(Process process)
    {
        Process = process;
        _m = process.Memory;
    }

    public Process Process { get; }

    public FileDescriptorTable Files => Process.Files;

    /// <summary>Runs <paramref name="body"/> as the only process of a kernel that then disposes <paramref name="mounts"/>.</summary>
    public static void Run(MountTable mounts, Action<Guest> body)
    {
        using var kernel = new PosixKernel(new KernelOptions(), mounts);
        Start(kernel, body)();
    }

    /// <summary>Starts a process; the result waits for its end and rethrows what it threw.</summary>
    public static Action Start(PosixKernel kernel, Action<Guest> body, FileDescriptorTable? files = null)
    {
        ExceptionDispatchInfo? thrown = null;
        var memory = AddressSpace.Create(MemorySize);
        var program = new ProgramImage(null!, new ProgramAbi(), _ => null);
        var process = new Process(kernel, kernel.Processes.NextPid(), 0, program, memory, null, files ?? new FileDescriptorTable(), p =>
        {
            try
            {
                body(new Guest(p));
            }
            catch (Exception e)
            {
                thrown = ExceptionDispatchInfo.Capture(e);
            }
        });
        process.Start();
        return () =>
        {
            process.Exited.GetAwaiter().GetResult();
            thrown?.Throw();
        };
    }

    public int Open(string path, OpenFlags flags = OpenFlags.ReadOnly, int mode = 0x1B6, int directory = -100)
    {
        int p = Text(path);
        int arguments = Allocate(4);
        *(int*)(_m + arguments) = mode;
        return Reset(FileCalls.OpenAt(_m, directory, p, (int)flags, arguments));
    }

    public int Create(string path, string content = "", int mode = 0x1A4)
    {
        int fd = Open(path, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Truncate, mode);
        if (fd >= 0 && content.Length > 0)
        {
            Assert.Equal(content.Length, Write(fd, content));
        }

        return fd;
    }

    public void CreateClosed(string path, string content = "")
    {
        int fd = Create(path, content);
        Assert.True(fd >= 0, $"creating {path}: {fd}");
        Assert.Equal(0, Close(fd));
    }

    public int Close(int fd) => -FileCalls.Close(_m, fd);

    public int Write(int fd, string text) => Write(fd, Encoding.Latin1.GetBytes(text));

    public int Write(int fd, ReadOnlySpan<byte> bytes) => Write(fd, bytes, (v, n) => TransferCalls.Write(_m, fd, v, 1, n));

    public int WriteAt(int fd, ReadOnlySpan<byte> bytes, long offset) => Write(fd, bytes, (v, n) => TransferCalls.WriteAt(_m, fd, v, 1, offset, n));

    public int WriteAt(int fd, string text, long offset) => WriteAt(fd, Encoding.Latin1.GetBytes(text), offset);

    public int Read(int fd, int count, out byte[] bytes) => Read(count, out bytes, (v, n) => TransferCalls.Read(_m, fd, v, 1, n));

    public int ReadAt(int fd, int count, long offset, out byte[] bytes) => Read(count, out bytes, (v, n) => TransferCalls.ReadAt(_m, fd, v, 1, offset, n));

    public string ReadText(int fd, int count = 4096)
    {
        int n = Read(fd, count, out byte[] bytes);
        Assert.True(n >= 0, $"read: {n}");
        return Encoding.Latin1.GetString(bytes);
    }

    public string ReadTextAt(int fd, int count, long offset)
    {
        int n = ReadAt(fd, count, offset, out byte[] bytes);
        Assert.True(n >= 0, $"pread: {n}");
        return Encoding.Latin1.GetString(bytes);
    }

    /// <summary>Whole content of a file, or its negative errno as text.</summary>
    public string Content(string path)
    {
        int fd = Open(path);
        if (fd < 0)
        {
            return $"errno {-fd}";
        }

        var all = new StringBuilder();
        for (string piece; (piece = ReadText(fd, 1 << 20)).Length > 0;)
        {
            all.Append(piece);
        }

        Close(fd);
        return all.ToString();
    }

    /// <summary>preadv/pwritev with buffers of the given lengths.</summary>
    public int Vector(int fd, byte[][] buffers, long offset, bool write)
    {
        int v = Allocate(8 * buffers.Length), n = Allocate(4), at = Data;
        for (int i = 0; i < buffers.Length; i++)
        {
            buffers[i].CopyTo(new Span<byte>(_m + at, buffers[i].Length));
            *(int*)(_m + v + (8 * i)) = at;
            *(int*)(_m + v + (8 * i) + 4) = buffers[i].Length;
            at += buffers[i].Length + 16;
        }

        int error = offset < 0
            ? write ? TransferCalls.Write(_m, fd, v, buffers.Length, n) : TransferCalls.Read(_m, fd, v, buffers.Length, n)
            : write ? TransferCalls.WriteAt(_m, fd, v, buffers.Length, offset, n) : TransferCalls.ReadAt(_m, fd, v, buffers.Length, offset, n);
        for (int i = 0; i < buffers.Length; i++)
        {
            new Span<byte>(_m + *(int*)(_m + v + (8 * i)), buffers[i].Length).CopyTo(buffers[i]);
        }

        int result = *(int*)(_m + n);
        return Reset(error != 0 ? -error : result);
    }

    public long Seek(int fd, long offset, int origin)
    {
        int result = Allocate(8);
        int error = TransferCalls.Seek(_m, fd, offset, origin, result);
        long position = *(long*)(_m + result);
        Reset(0);
        return error != 0 ? -error : position;
    }

    public int Stat(string path, out Stat stat) => WithStat(out stat, b => StatusCalls.Stat(_m, Text(path), b));

    public int StatLink(string path, out Stat stat) => WithStat(out stat, b => StatusCalls.StatLink(_m, Text(path), b));

    public int Stat(int fd, out Stat stat) => WithStat(out stat, b => StatusCalls.StatDescriptor(_m, fd, b));

    public int StatAt(int directory, string path, int flags, out Stat stat) => WithStat(out stat, b => StatusCalls.StatAt(_m, directory, Text(path), b, flags));

    public (int Error, int BlockSize, long Blocks, long Free) StatFileSystem(string path)
    {
        int b = Allocate(88);
        int error = StatusCalls.StatFileSystem(_m, Text(path), 88, b);
        var result = (error, *(int*)(_m + b + 4), *(long*)(_m + b + 8), *(long*)(_m + b + 16));
        Reset(0);
        return result;
    }

    public (int Error, int Type, int Flags, long Rights) DescriptorStatus(int fd)
    {
        int b = Allocate(24);
        int error = StatusCalls.DescriptorStatus(_m, fd, b);
        var result = (-error, (int)_m[b], (int)*(short*)(_m + b + 2), *(long*)(_m + b + 8));
        Reset(0);
        return result;
    }

    public int MakeDirectory(string path, int mode = 0x1ED, int directory = -100) => Reset(DirectoryCalls.MakeDirectory(_m, directory, Text(path), mode));

    public int RemoveDirectory(string path) => Reset(DirectoryCalls.RemoveDirectory(_m, Text(path)));

    public int Unlink(string path, int directory = -100, int flags = 0) => Reset(DirectoryCalls.Unlink(_m, directory, Text(path), flags));

    public int Rename(string from, string to) => Reset(DirectoryCalls.Rename(_m, -100, Text(from), -100, Text(to)));

    public int Link(string existing, string created) => Reset(DirectoryCalls.Link(_m, -100, Text(existing), -100, Text(created), 0));

    public int SymbolicLink(string target, string path) => Reset(DirectoryCalls.SymbolicLink(_m, Text(target), -100, Text(path)));

    public int ReadLink(string path, out string target, int size = 4096)
    {
        int b = Allocate(size);
        int n = DirectoryCalls.ReadLink(_m, -100, Text(path), b, size);
        target = n >= 0 ? Encoding.UTF8.GetString(_m + b, n) : "";
        return Reset(n);
    }

    public int ChangeDirectory(string path) => Reset(DirectoryCalls.ChangeDirectory(_m, Text(path)));

    public int WorkingDirectory(int size, out string path)
    {
        int b = Allocate(size);
        int n = DirectoryCalls.WorkingDirectory(_m, b, size);
        path = n > 0 ? Encoding.UTF8.GetString(_m + b, n - 1) : "";
        return Reset(n);
    }

    /// <summary>All names of a directory, sorted, with their type: "name:8". Reads with a buffer for <paramref name="atOnce"/> entries.</summary>
    public List<string> List(string path, int atOnce = 3)
    {
        int fd = Open(path, OpenFlags.Directory);
        Assert.True(fd >= 0, $"opendir {path}: {fd}");
        var names = List(fd, atOnce);
        Close(fd);
        return names;
    }

    public List<string> List(int fd, int atOnce = 3)
    {
        var names = new List<string>();
        while (true)
        {
            int b = Allocate(280 * atOnce);
            int n = DirectoryCalls.ReadDirectory(_m, fd, b, 280 * atOnce);
            Assert.True(n >= 0 && n % 280 == 0, $"getdents: {n}");
            for (byte* e = _m + b; e < _m + b + n; e += 280)
            {
                Assert.Equal(280, *(short*)(e + 16));
                names.Add($"{Encoding.UTF8.GetString(System.Runtime.InteropServices.MemoryMarshal.CreateReadOnlySpanFromNullTerminated(e + 19))}:{e[18]}");
            }

            Reset(0);
            if (n == 0)
            {
                names.Sort(StringComparer.Ordinal);
                return names;
            }
        }
    }

    public int ReadDirectory(int fd, int size) => Reset(DirectoryCalls.ReadDirectory(_m, fd, Allocate(size), size));

    public int Truncate(string path, long length) => Reset(FileCalls.Truncate(_m, Text(path), length));

    public int Truncate(int fd, long length) => FileCalls.TruncateDescriptor(_m, fd, length);

    public int Allocate(int fd, long offset, long length, int mode = 0) => FileCalls.Allocate(_m, fd, mode, offset, length);

    public int Sync(int fd) => -FileCalls.Sync(_m, fd);

    public int SyncData(int fd) => FileCalls.SyncData(_m, fd);

    public int Advise(int fd) => FileCalls.Advise(_m, fd, 0, 0, 3);

    public int ChangeMode(string path, int mode) => Reset(StatusCalls.ChangeMode(_m, Text(path), mode));

    public int ChangeMode(int fd, int mode) => StatusCalls.ChangeModeOfDescriptor(_m, fd, mode);

    public int ChangeOwner(string path, int owner, int group) => Reset(StatusCalls.ChangeOwnerAt(_m, -100, Text(path), owner, group, 0));

    public int Access(string path, int mode) => Reset(StatusCalls.Access(_m, -100, Text(path), mode, 0));

    /// <summary>utimensat with explicit {seconds, nanoseconds} pairs; a null path sets the descriptor's times.</summary>
    public int SetTimes(int directory, string? path, (long Seconds, int Nanoseconds) accessed, (long Seconds, int Nanoseconds) modified)
    {
        int t = Allocate(32);
        (*(long*)(_m + t), *(int*)(_m + t + 8)) = accessed;
        (*(long*)(_m + t + 16), *(int*)(_m + t + 24)) = modified;
        return Reset(StatusCalls.SetTimes(_m, directory, path == null ? 0 : Text(path), t, 0));
    }

    public int Duplicate(int fd) => DescriptorCalls.Duplicate(_m, fd);

    public int DuplicateTo(int fd, int target, int flags = 0) => DescriptorCalls.DuplicateTo(_m, fd, target, flags);

    public int Control(int fd, int command, int argument = 0)
    {
        int a = Allocate(4);
        *(int*)(_m + a) = argument;
        return Reset(DescriptorCalls.Control(_m, fd, command, a));
    }

    public int DeviceControl(int fd) => DescriptorCalls.DeviceControl(_m, fd, 0x5413, 0);

    public int Pipe(out int readEnd, out int writeEnd, OpenFlags flags = 0)
    {
        int p = Allocate(8);
        int error = DescriptorCalls.CreatePipe(_m, p, (int)flags);
        (readEnd, writeEnd) = (*(int*)(_m + p), *(int*)(_m + p + 4));
        return Reset(error);
    }

    public int Umask(int mask) => DescriptorCalls.SetUmask(_m, mask);

    private int Write(int fd, ReadOnlySpan<byte> bytes, Func<int, int, int> call)
    {
        bytes.CopyTo(new Span<byte>(_m + Data, bytes.Length));
        return Transfer(bytes.Length, call);
    }

    private int Read(int count, out byte[] bytes, Func<int, int, int> call)
    {
        new Span<byte>(_m + Data, count + 16).Fill(0xEE); // so that untouched bytes show
        int n = Transfer(count, call);
        bytes = new Span<byte>(_m + Data, Math.Max(n, 0)).ToArray();
        Assert.False(new Span<byte>(_m + Data + Math.Max(n, 0), 16).ContainsAnyExcept((byte)0xEE), "the call wrote behind its result");
        return n;
    }

    private int Transfer(int count, Func<int, int, int> call)
    {
        int v = Allocate(8), n = Allocate(4);
        *(int*)(_m + v) = Data;
        *(int*)(_m + v + 4) = count;
        int error = call(v, n);
        int result = *(int*)(_m + n);
        return Reset(error != 0 ? -error : result);
    }

    private int WithStat(out Stat stat, Func<int, int> call)
    {
        int b = Allocate(96 + 8);
        *(long*)(_m + b + 96) = 0x5EED;
        int error = call(b);
        byte* s = _m + b;
        stat = error != 0 ? default : new Stat(*(int*)s, *(int*)(s + 4), *(int*)(s + 8), *(int*)(s + 12), *(long*)(s + 24), *(int*)(s + 36),
            *(long*)(s + 40), *(int*)(s + 48), *(long*)(s + 56), *(int*)(s + 64), *(long*)(s + 88));
        Assert.Equal(0x5EED, *(long*)(s + 96));
        return Reset(error);
    }

    private int Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        int p = Allocate(bytes.Length + 1);
        bytes.CopyTo(new Span<byte>(_m + p, bytes.Length));
        _m[p + bytes.Length] = 0;
        return p;
    }

    private int Allocate(int size)
    {
        int p = _free;
        _free += (size + 7) & ~7;
        Assert.True(_free <= Data, "scratch memory is too small");
        return p;
    }

    private int Reset(int result)
    {
        _free = Scratch;
        return result;
    }
}

/// <summary>struct stat as the module sees it.</summary>
internal readonly record struct Stat(
    int Device, int Mode, int Links, int User, long Size, int Blocks, long AccessedSeconds, int AccessedNanoseconds, long ModifiedSeconds, int ModifiedNanoseconds, long Inode)
{
    public int Type => Mode & 0xF000;

    public int Permissions => Mode & 0xFFF;
}
