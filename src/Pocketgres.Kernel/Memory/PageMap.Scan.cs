using System.Runtime.InteropServices;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Memory;

/// <content>PAGEMAP_SCAN (Linux 6.7, Documentation/admin-guide/mm/pagemap.rst): looks at what is mapped only, where reading the file passes every page.</content>
internal sealed unsafe partial class PageMap
{
    private const nuint ScanRequest = 0xC0606610; // _IOWR('f', 16, struct pm_scan_arg)
    private const ulong ScanFile = 1 << 2, ScanPresent = 1 << 3, ScanSwapped = 1 << 4, ScanZeroPage = 1 << 5;
    private const int RegionsAtOnce = 256;

    /// <summary>
    /// Calls for each run of pages of MAP_PRIVATE mappings that were written since they were mapped, with its offset and length. Offsets ascend, runs
    /// may touch. Pages that were only read may be among them.
    /// </summary>
    /// <returns>False when the host cannot tell; it may have been called then.</returns>
    public bool TryForEachPrivateRun(byte* from, long length, Action<long, long> found)
    {
        if (!TryOpen())
        {
            return false;
        }

        var regions = stackalloc ScanRegion[RegionsAtOnce];
        var scan = new ScanArgument
        {
            Size = (ulong)sizeof(ScanArgument),
            Start = (ulong)from,
            End = (ulong)(from + length),
            Regions = (ulong)regions,
            RegionCount = RegionsAtOnce,
            Inverted = ScanFile | ScanZeroPage,
            All = ScanFile | ScanZeroPage,
            Any = ScanPresent | ScanSwapped,
            Returned = ScanPresent | ScanSwapped,
        };
        while (scan.Start < scan.End)
        {
            int count = Libc.ioctl(_descriptor, ScanRequest, &scan);
            if (count < 0)
            {
                // An older Linux.
                return scan.Start == (ulong)from && ForEachPrivatePage(from, length, at => found(at, Page)) == length;
            }

            for (int i = 0; i < count; i++)
            {
                found((long)(regions[i].Start - (ulong)from), (long)(regions[i].End - regions[i].Start));
            }

            scan.Start = scan.WalkEnd;
        }

        return true;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct ScanRegion
    {
        public ulong Start, End, Categories;
    }

    /// <summary>struct pm_scan_arg of linux/fs.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct ScanArgument
    {
        public ulong Size, Flags, Start, End, WalkEnd, Regions, RegionCount, MaximumPages, Inverted, All, Any, Returned;
    }
}
