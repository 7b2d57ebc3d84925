namespace Pocketgres.Engine;

/// <summary>
/// Holds commits back until their log is durable where this cluster keeps it, which is not its file system. Any thread; nothing here may call the server.
/// </summary>
public interface ICommitGate
{
    /// <summary>What a process that has just flushed its log must wait for before anybody learns of its commit; 0 for nothing. Quick.</summary>
    long CommitTicket();

    /// <summary>What a process must wait for before it sends log that has been flushed to another machine; 0 for nothing. Quick.</summary>
    long SendTicket();

    /// <summary>Waits until what a ticket stands for is durable, for <paramref name="patience"/> at most. Called without the kernel's lock.</summary>
    /// <returns>Whether it is.</returns>
    bool Wait(long ticket, TimeSpan patience);
}
