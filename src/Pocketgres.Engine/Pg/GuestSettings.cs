using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>Settings as a server process has them.</summary>
internal static unsafe class GuestSettings
{
    /// <summary>GetConfigOption (utils/misc/guc.c); null when there is no such setting. On the process's thread.</summary>
    public static string? Get(Process process, string name)
    {
        byte* m = process.Memory;
        int stack = process.StackPointer;
        int text = process.StackAllocate(name.Length + 1);
        CString.TryWrite(m, text, name.Length + 1, name);
        long value = ((delegate*<byte*, long, int, int, long>)process.Export("GetConfigOption"))(m, (uint)text, 1, 0);
        process.StackPointer = stack;
        return value == 0 ? null : CString.Read(m, (int)value);
    }
}
