using Pocketgres.Kernel.Races;

namespace Pocketgres.Kernel;

/// <content>What translated code calls around accesses of memory in a build that checks them for races.</content>
public static unsafe partial class WasmRuntime
{
    private const int SizeMask = 0xff;
    private const int IsStore = 0x100;

    /// <summary>A plain access. <paramref name="kind"/> is its size in bytes, and 256 if it is a store.</summary>
    public static void RaceAccess(byte* address, byte* m, int site, int kind)
    {
        if (RaceChecker.Watched is { } checker && checker.TryPlace(address - m, out long place))
        {
            checker.Access(checker.Of(Process.From(m)), place, kind & SizeMask, (kind & IsStore) != 0, site);
        }
    }

    /// <summary>Before an atomic store or update.</summary>
    public static void RaceRelease(byte* address, byte* m, int kind)
    {
        if (RaceChecker.Watched is { } checker && kind != checker.Ignored && checker.TryPlace(Process.From(m), address - m, out var where))
        {
            checker.Release(checker.Of(Process.From(m)), where);
        }
    }

    /// <summary>After an atomic load or update.</summary>
    public static void RaceAcquire(byte* address, byte* m, int kind)
    {
        if (RaceChecker.Watched is { } checker && kind != checker.Ignored && checker.TryPlace(Process.From(m), address - m, out var where))
        {
            checker.Acquire(checker.Of(Process.From(m)), where);
        }
    }

    /// <summary><c>memory.copy</c>.</summary>
    public static void RaceCopy(byte* m, int destination, int source, int count, int site)
    {
        RaceRange(m, source, count, site, isStore: false);
        RaceRange(m, destination, count, site, isStore: true);
        MemoryCopy(m, destination, source, count);
    }

    /// <summary><c>memory.fill</c>.</summary>
    public static void RaceFill(byte* m, int destination, int value, int count, int site)
    {
        RaceRange(m, destination, count, site, isStore: true);
        MemoryFill(m, destination, value, count);
    }

    private static void RaceRange(byte* m, int address, int count, int site, bool isStore)
    {
        if (count == 0 || RaceChecker.Watched is not { } checker || !checker.TryPlace((uint)address, out long place))
        {
            return;
        }

        var thread = checker.Of(Process.From(m));
        for (long end = place + (uint)count; place < end;)
        {
            int size = (int)Math.Min(8 - (place & 7), end - place);
            checker.Access(thread, place, size, isStore, site);
            place += size;
        }
    }
}
