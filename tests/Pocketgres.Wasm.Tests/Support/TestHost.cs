using Pocketgres.Kernel;

namespace Pocketgres.Wasm.Tests.Support;

/// <summary>Host functions of the tests. What they are called with goes to a log in linear memory (no static state).</summary>
public static unsafe class TestHost
{
    /// <summary>Address of the log: a count, then entries.</summary>
    public const int Log = 0x4000;

    public static HostFunctions Functions { get; } = HostFunctions.Load([typeof(TestHost).Assembly.Location]);

    public static int[] ReadLog(TestInstance instance) =>
        [.. Enumerable.Range(1, instance.I32(Log)).Select(i => instance.I32(Log + (4 * i)))];

    [HostFunction("log", Locking = KernelLocking.None)]
    public static void Write(byte* m, int value)
    {
        int* log = (int*)(m + Log);
        log[++log[0]] = value;
    }

    /// <summary>A call that takes the kernel's lock, which there is none of here: not to be called.</summary>
    [HostFunction("locked")]
    public static void Locked(byte* m) => throw new NotSupportedException();

    /// <summary>Logs and returns its argument: makes evaluation order visible.</summary>
    [HostFunction("trace", Locking = KernelLocking.None)]
    public static int Trace(byte* m, int value)
    {
        Write(m, value);
        return value;
    }

    [HostFunction("hook", Locking = KernelLocking.None)]
    public static void Hook(byte* m) => Write(m, -1);

    [HostFunction("host_negate", Locking = KernelLocking.None)]
    public static int Negate(byte* m, int value) => -value;

    [HostFunction("host_add", Locking = KernelLocking.None)]
    public static int Add(byte* m, int a, int b) => a + b + 1000;

    [HostFunction("host_subtract", Locking = KernelLocking.None)]
    public static int Subtract(byte* m, int a, int b) => a - b;

    [HostFunction("host_mixed", Locking = KernelLocking.None)]
    public static double Mixed(byte* m, int a, long b, float c, double d) => a + b + c + d;

    [HostFunction("_emscripten_throw_longjmp", Locking = KernelLocking.None)]
    public static void ThrowLongjmp(byte* m) => throw new LongjmpException();

    [HostFunction("pocket_throw_exception", Locking = KernelLocking.None)]
    public static void ThrowCpp(byte* m) => throw new CppException();

    [HostFunction("pocket_thrown_exception", Locking = KernelLocking.None)]
    public static int ThrownCpp(byte* m) => 8;

    [HostFunction("fail", Locking = KernelLocking.None)]
    public static void Fail(byte* m) => throw new InvalidOperationException("not a longjmp");

    [HostFunction("memory.grow", Locking = KernelLocking.None)]
    public static int Grow(byte* m, int pages)
    {
        int* size = (int*)(m + Abi.InstanceLayout.MemoryPages);
        int old = *size;
        *size += pages;
        return old;
    }

    [HostFunction("memory.atomic.wait32", Locking = KernelLocking.None)]
    public static int Wait32(byte* m, int address, int expected, long timeout) => *(int*)(m + (uint)address) == expected ? (int)timeout : 1;

    [HostFunction("memory.atomic.wait64", Locking = KernelLocking.None)]
    public static int Wait64(byte* m, int address, long expected, long timeout) => *(long*)(m + (uint)address) == expected ? (int)timeout : 1;

    [HostFunction("memory.atomic.notify", Locking = KernelLocking.None)]
    public static int Notify(byte* m, int address, int count) => address + count;

    /// <summary>Has no version for 64-bit addresses: they are cut.</summary>
    [HostFunction("address_of", Locking = KernelLocking.None)]
    public static int AddressOf(byte* m, int address) => address;

    [HostFunction("width", Locking = KernelLocking.None)]
    public static int Width32(byte* m, int address) => 32;

    [HostFunction("width", Memory64 = true, Locking = KernelLocking.None)]
    public static long Width64(byte* m, long address) => address;

    /// <summary>Nested types are allowed.</summary>
    public static class Nested
    {
        [HostFunction("nested_negate", Locking = KernelLocking.None)]
        public static long Negate(byte* m, long value) => -value;
    }
}
