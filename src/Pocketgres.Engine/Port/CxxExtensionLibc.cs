using Pocketgres.Kernel;

namespace Pocketgres.Engine.Port;

/// <summary>
/// Functions of the C library that PostGIS and the libraries in it import and the server does not contain or not export. They follow their manual
/// pages, mostly by calling a sibling that the server has.
/// </summary>
public static unsafe class CxxExtensionLibc
{
    private const int BrokenDownTimeSize = 44; // struct tm of musl on wasm32

    /// <summary>atol(3).</summary>
    [HostFunction("atol")]
    public static int ToLong(byte* m, int text) => ((delegate*<byte*, int, int, int, int>)Export(m, "strtol"))(m, text, 0, 10);

    /// <summary>atoll(3).</summary>
    [HostFunction("atoll")]
    public static long ToLongLong(byte* m, int text) => ((delegate*<byte*, int, int, int, long>)Export(m, "strtoll"))(m, text, 0, 10);

    /// <summary>islower(3) in the C locale.</summary>
    [HostFunction("islower")]
    public static int IsLower(byte* m, int c) => c is >= 'a' and <= 'z' ? 1 : 0;

    /// <summary>hypotf(3).</summary>
    [HostFunction("hypotf")]
    public static float Hypotenuse(byte* m, float x, float y) => (float)double.Hypot(x, y);

    /// <summary>libgcc's conversion of an unsigned 128-bit integer to double, rounded to nearest.</summary>
    [HostFunction("__floatuntidf")]
    public static double FromUInt128(byte* m, long low, long high) => (double)new UInt128((ulong)high, (ulong)low);

    /// <summary>fgetc(3).</summary>
    [HostFunction("fgetc")]
    public static int GetCharacter(byte* m, int stream) => ((delegate*<byte*, int, int>)Export(m, "getc"))(m, stream);

    /// <summary>rewind(3), without clearing the error indicator of a stream that cannot seek.</summary>
    [HostFunction("rewind")]
    public static void Rewind(byte* m, int stream) => _ = ((delegate*<byte*, int, int, int, int>)Export(m, "fseek"))(m, stream, 0, 0);

    /// <summary>sprintf(3) without floating point, as emscripten names it.</summary>
    [HostFunction("__small_sprintf")]
    public static int Print(byte* m, int target, int format, int arguments) =>
        ((delegate*<byte*, int, int, int, int, int>)Export(m, "vsnprintf"))(m, target, int.MaxValue, format, arguments);

    /// <summary>gmtime_r(3).</summary>
    [HostFunction("gmtime_r")]
    public static int BreakDownTime(byte* m, int time, int result)
    {
        int broken = ((delegate*<byte*, int, int>)Export(m, "gmtime"))(m, time);
        if (broken == 0)
        {
            return 0;
        }

        new ReadOnlySpan<byte>(m + (uint)broken, BrokenDownTimeSize).CopyTo(new Span<byte>(m + (uint)result, BrokenDownTimeSize));
        return result;
    }

    /// <summary>posix_memalign(3).</summary>
    [HostFunction("posix_memalign")]
    public static int AllocateAligned(byte* m, int result, int alignment, int size)
    {
        int block = ((delegate*<byte*, int, int, int>)Export(m, "aligned_alloc"))(m, alignment, size);
        if (block == 0)
        {
            return (int)Errno.ENOMEM;
        }

        *(int*)(m + (uint)result) = block;
        return 0;
    }

    /// <summary>pthread_attr_init(3): attributes of threads that are never made.</summary>
    [HostFunction("pthread_attr_init")]
    public static int InitialiseAttributes(byte* m, int attributes) => 0;

    /// <summary>pthread_attr_setdetachstate(3).</summary>
    [HostFunction("pthread_attr_setdetachstate")]
    public static int SetDetached(byte* m, int attributes, int state) => 0;

    /// <summary>pthread_spin_init(3): free.</summary>
    [HostFunction("pthread_spin_init")]
    public static int InitialiseSpin(byte* m, int spin, int shared) => Set(m, spin, 0);

    /// <summary>pthread_spin_destroy(3).</summary>
    [HostFunction("pthread_spin_destroy")]
    public static int DestroySpin(byte* m, int spin) => 0;

    /// <summary>pthread_spin_lock(3): a process has one thread, so nobody else can hold it.</summary>
    [HostFunction("pthread_spin_lock")]
    public static int LockSpin(byte* m, int spin) => Set(m, spin, (int)Errno.EBUSY);

    /// <summary>pthread_spin_unlock(3).</summary>
    [HostFunction("pthread_spin_unlock")]
    public static int UnlockSpin(byte* m, int spin) => Set(m, spin, 0);

    private static int Set(byte* m, int address, int value)
    {
        *(int*)(m + (uint)address) = value;
        return 0;
    }

    private static nint Export(byte* m, string name) => Process.From(m).Export(name);
}
