namespace Pocketgres.Kernel.Net;

/// <summary>What the host has done with a connection before it handed it over (<see cref="ConnectionQueue.Hand"/>). Thread-safe.</summary>
/// <param name="received">What it has read from it, a whole first request, which the program reads first.</param>
/// <param name="session">What it keeps of the connection, for whoever knows what that is: disposed with the socket unless it was taken.</param>
public sealed class Handover(byte[] received, IDisposable? session = null) : IDisposable
{
    private IDisposable? _session = session;

    /// <summary>What the host has read.</summary>
    public byte[] Received => received;

    /// <summary>Takes the session, which is the caller's from then on; null when there is none, or somebody has it.</summary>
    public IDisposable? TakeSession() => Interlocked.Exchange(ref _session, null);

    /// <summary>The connection is closed.</summary>
    public void Dispose() => TakeSession()?.Dispose();
}
