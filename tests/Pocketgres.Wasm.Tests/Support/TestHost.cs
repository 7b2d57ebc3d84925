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

    [HostFunction("log")]
    public static void Write(byte* m, int value)
    {
        int* log = (int*)(m + Log);
        log[++log[0]] = value;
    }

    /// <summary>Logs and returns its argument: makes evaluation order visible.</summary>
    [HostFunction("trace")]
    public static int Trace(byte* m, int value)
    {
        Write(m, value);
        return value;
    }

    /// <summary>Three turns of a loop at once, but never the last one.</summary>
    [HostFunction("steps")]
    public static int Steps(byte* m, int index, int end) => end - index > 3 ? 3 : 0;

    [HostFunction("hook")]
    public static void Hook(byte* m) => Write(m, -1);

    [HostFunction("answer")]
    public static int Answer(byte* m) => 4242;

    [HostFunction("host_add")]
    public static int Add(byte* m, int a, int b) => a + b + 1000;

    [HostFunction("host_subtract")]
    public static int Subtract(byte* m, int a, int b) => a - b;

    [HostFunction("host_mixed")]
    public static double Mixed(byte* m, int a, long b, float c, double d) => a + b + c + d;

    [HostFunction("lock")]
    public static void Lock(byte* m, int address) => Write(m, 1_000_000 + address);

    [HostFunction("unlock")]
    public static void Unlock(byte* m, int address) => Write(m, 2_000_000 + address);

    [HostFunction("_emscripten_throw_longjmp")]
    public static void ThrowLongjmp(byte* m) => throw new LongjmpException();

    /// <summary>As the engine's __cxa_throw when a guard is on the stack.</summary>
    [HostFunction("guest_throw")]
    public static void ThrowGuest(byte* m, int message)
    {
        *(int*)(m + Abi.InstanceLayout.GuestMessage) = message;
        throw new GuestException();
    }

    [HostFunction("fail")]
    public static void Fail(byte* m) => throw new InvalidOperationException("not a longjmp");

    [HostFunction("memory.grow")]
    public static int Grow(byte* m, int pages)
    {
        int* size = (int*)(m + Abi.InstanceLayout.MemoryPages);
        int old = *size;
        *size += pages;
        return old;
    }

    [HostFunction("memory.atomic.wait32")]
    public static int Wait32(byte* m, int address, int expected, long timeout) => *(int*)(m + (uint)address) == expected ? (int)timeout : 1;

    [HostFunction("memory.atomic.wait64")]
    public static int Wait64(byte* m, int address, long expected, long timeout) => *(long*)(m + (uint)address) == expected ? (int)timeout : 1;

    [HostFunction("memory.atomic.notify")]
    public static int Notify(byte* m, int address, int count) => address + count;

    /// <summary>Has no version for 64-bit addresses: they are cut.</summary>
    [HostFunction("address_of")]
    public static int AddressOf(byte* m, int address) => address;

    [HostFunction("width")]
    public static int Width32(byte* m, int address) => 32;

    [HostFunction("width", Memory64 = true)]
    public static long Width64(byte* m, long address) => address;

    /// <summary>Nested types are allowed.</summary>
    public static class Nested
    {
        [HostFunction("nested_negate")]
        public static long Negate(byte* m, long value) => -value;
    }
}
