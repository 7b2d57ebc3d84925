using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Files;

/// <summary>Terminals of the host. Requests and structures are Linux', which emscripten's headers share: their struct termios is longer, with the same beginning.</summary>
internal static unsafe class Terminal
{
    private const int GetSettings = 0x5401, SetSettings = 0x5402, SetSettingsDrained = 0x5403, SetSettingsFlushed = 0x5404; // TCGETS, TCSETS, TCSETSW, TCSETSF
    private const int GetSize = 0x5413; // TIOCGWINSZ
    private const int SettingsSize = 36; // struct termios of the kernel's interface
    private const int WindowSize = 8; // struct winsize

    /// <summary>Whether a descriptor of the host is a terminal.</summary>
    public static bool Is(int descriptor)
    {
        byte* settings = stackalloc byte[SettingsSize];
        return Libc.ioctl(descriptor, GetSettings, settings) == 0;
    }

    /// <summary>Bytes that a request reads or writes; 0 for one that programs here do not make.</summary>
    public static int ArgumentSize(int request) => request switch
    {
        GetSettings or SetSettings or SetSettingsDrained or SetSettingsFlushed => SettingsSize,
        GetSize => WindowSize,
        _ => 0,
    };

    /// <summary>ioctl(2) with one of those requests.</summary>
    public static Errno Control(int descriptor, int request, byte* argument) =>
        Libc.ioctl(descriptor, (nuint)request, argument) == 0 ? Errno.None : HostErrno.Last();
}
