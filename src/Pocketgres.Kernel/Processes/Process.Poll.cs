using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Kernel;

/// <content>poll(2) on the process's descriptors.</content>
public sealed unsafe partial class Process
{
    /// <summary>The host descriptor to put into a <see cref="PollEntry"/> for this process's descriptor; -1 when closed or always ready.</summary>
    public int PollDescriptor(int fd) => Files.TryGet(fd, out var file) ? file.PollDescriptor : -1;

    /// <summary>Looks, without waiting, which entries are ready; returns how many.</summary>
    public static int PollNow(PollEntry* entries, int count) => count == 0 ? 0 : Libc.PollNow(entries, (nuint)count, 0);
}
