namespace Pocketgres.Kernel.Net;

/// <summary>What is to become of a connection that accept(2) has not given out yet.</summary>
public enum AcceptVerdict
{
    /// <summary>Its first request is not complete: it waits for more.</summary>
    Wait,

    /// <summary>The program gets it.</summary>
    Accept,

    /// <summary>The request is answered here, and the next one waited for.</summary>
    Answer,

    /// <summary>The request is answered here, and the program gets the connection at once: it waits for the next one itself.</summary>
    AnswerAndAccept,

    /// <summary>It is closed without a word.</summary>
    Close,
}

/// <summary>
/// Decides which connections are ready for accept(2), as the accept filters of BSD do: a connection costs the program nothing until its first request is
/// complete. Called by the listening process under the kernel's lock.
/// </summary>
public abstract class AcceptFilter
{
    /// <summary>Connections that wait now. Under the kernel's lock.</summary>
    public int Waiting { get; internal set; }

    /// <summary>Connections that were closed while they waited: by their client, by the filter, after their time, or because there were too many. Under the kernel's lock.</summary>
    public long Dropped { get; internal set; }

    /// <summary>Bytes of a request that <see cref="Judge"/> may want to see at most.</summary>
    public abstract int MaximumRequest { get; }

    /// <summary>How long a connection may wait; then it is closed without a word.</summary>
    /// <param name="process">The process that listens.</param>
    public abstract TimeSpan PatienceOf(Process process);

    /// <summary>Looks at what a client has sent so far.</summary>
    /// <param name="process">The process that listens.</param>
    /// <param name="address">The client's, as accept(2) gives it.</param>
    /// <param name="received">At least one byte, and not more than <see cref="MaximumRequest"/>.</param>
    /// <param name="state">The filter's own for this connection; 0 at first. The accepted socket has it as <see cref="SocketFile.AcceptState"/>.</param>
    /// <param name="answer">With <see cref="AcceptVerdict.Answer"/> and <see cref="AcceptVerdict.AnswerAndAccept"/>: the byte to send in place of <paramref name="received"/>, which is taken from the connection.</param>
    public abstract AcceptVerdict Judge(Process process, ReadOnlySpan<byte> address, ReadOnlySpan<byte> received, ref int state, out byte answer);

    /// <summary>Decides whether the program may read what a client sends next, whose last request was answered here; if not, the connection has ended for the program.</summary>
    /// <param name="state">What was noted about the connection.</param>
    /// <param name="first">The first byte.</param>
    public virtual bool MayGoOn(int state, byte first) => true;

    /// <summary>Notes that a connection is closed, whoever had it. Once for each; any thread.</summary>
    /// <param name="state">What was noted about it last.</param>
    public virtual void Ended(int state)
    {
    }
}
