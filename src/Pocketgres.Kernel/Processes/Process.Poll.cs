using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Kernel;

/// <content>poll(2) on the process's descriptors, and on the one connection in memory that it may have.</content>
public sealed unsafe partial class Process
{
    private const short Gone = PollEvents.Error | PollEvents.HangUp | PollEvents.Invalid | PollEvents.PeerHangUp;

    private SocketFile? _memorySocket; // written once, by MoveSocketToMemory

    /// <summary>The host descriptor to put into a <see cref="PollEntry"/> for this process's descriptor; -1 when closed or always ready.</summary>
    public int PollDescriptor(int fd) => Files.TryGet(fd, out var file) ? file.PollDescriptor : -1;

    /// <summary>Whether a descriptor that the host reports is ready for the process too: a listening socket may have no connection for it yet.</summary>
    public bool IsReady(int fd)
    {
        if (!Files.TryGet(fd, out var file) || file is not SocketFile { IsListening: true } socket)
        {
            return true;
        }

        EnterKernel();
        try
        {
            return socket.HasConnection(this);
        }
        finally
        {
            LeaveKernel();
        }
    }

    /// <summary>Looks, without waiting, which entries are ready; returns how many.</summary>
    public int PollNow(PollEntry* entries, int count)
    {
        if (count == 0)
        {
            return 0;
        }

        int memory = TakeMemoryEntry(entries, count, out short wanted);
        int ready = Libc.PollNow(entries, (nuint)count, 0);
        return memory < 0 ? ready : Math.Max(ready, 0) + GiveMemoryEntry(&entries[memory], wanted);
    }

    /// <summary>
    /// From now on the bytes of this process's only connected socket go through memory; the host's socket stays, to tell when the peer is gone. Under the
    /// kernel's lock, while nothing is on its way in that socket.
    /// </summary>
    /// <returns>The connection; null when the process has no such socket, or several.</returns>
    internal MemoryConnection? MoveSocketToMemory()
    {
        if (_memorySocket is not null || _exited || OnlySocket() is not { IsListening: false } socket)
        {
            return null;
        }

        socket.Memory = new MemoryConnection(this);
        Volatile.Write(ref _memorySocket, socket);
        return socket.Memory;
    }

    private SocketFile? OnlySocket()
    {
        SocketFile? only = null;
        foreach (var (_, file) in Files.OpenDescriptors())
        {
            if (file is SocketFile socket)
            {
                if (only is not null)
                {
                    return null;
                }

                only = socket;
            }
        }

        return only;
    }

    /// <summary>Finds the entry of the connection in memory, if it is among these, and has the host look only whether the peer is gone.</summary>
    /// <returns>Its index, or -1.</returns>
    private int TakeMemoryEntry(PollEntry* entries, int count, out short wanted)
    {
        wanted = 0;
        if (_memorySocket is not { PollDescriptor: >= 0 and var descriptor })
        {
            return -1;
        }

        for (int i = 0; i < count; i++)
        {
            if (entries[i].Descriptor == descriptor)
            {
                wanted = entries[i].Events;
                entries[i].Events = PollEvents.PeerHangUp;
                return i;
            }
        }

        return -1;
    }

    /// <summary>Undoes <see cref="TakeMemoryEntry"/> after the host has looked, and answers for the memory. Returns how many entries more than the host's are ready: 1, 0 or -1.</summary>
    private int GiveMemoryEntry(PollEntry* entry, short wanted)
    {
        var memory = _memorySocket!.Memory!;
        bool counted = entry->Returned != 0;
        if ((entry->Returned & Gone) != 0)
        {
            memory.CloseHost();
        }

        entry->Events = wanted;
        entry->Returned = memory.Ready(wanted);
        return (entry->Returned != 0 ? 1 : 0) - (counted ? 1 : 0);
    }
}
