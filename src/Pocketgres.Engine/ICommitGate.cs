namespace Pocketgres.Engine;

/// <summary>
/// Holds commits back until their log is durable where this cluster keeps it, which is not its file system, and a start until the cluster is known to be this server's.
/// Any thread; nothing here may call the server.
/// </summary>
public interface ICommitGate
{
    /// <summary>
    /// Waits until it is known whether the cluster is this server's, for <paramref name="patience"/> at most. Called without the kernel's lock, by a start that has done
    /// all but to let sessions in.
    /// </summary>
    /// <returns>Whether it is, if not, the start is to end; null while it is not known.</returns>
    bool? WaitUntilTaken(TimeSpan patience);

    /// <summary>What a process that has just flushed its log must wait for before anybody learns of its commit; 0 for nothing. Quick.</summary>
    long CommitTicket();

    /// <summary>What a process must wait for before it sends log that has been flushed to another machine; 0 for nothing. Quick.</summary>
    long SendTicket();

    /// <summary>Waits until what a ticket stands for is durable, for <paramref name="patience"/> at most. Called without the kernel's lock.</summary>
    /// <returns>Whether it is.</returns>
    bool Wait(long ticket, TimeSpan patience);
}
