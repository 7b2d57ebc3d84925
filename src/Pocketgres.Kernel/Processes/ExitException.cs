namespace Pocketgres.Kernel;

/// <summary>Unwinds a process to its end: exit(3), _exit(2) or a deadly signal. Not an error.</summary>
public sealed class ExitException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="status">Status as waitpid(2) encodes it: exit code * 256, or a signal's number.</param>
    public ExitException(int status)
        : base($"process ended with status {status}") => Status = status;

    /// <summary>Status as waitpid(2) encodes it.</summary>
    public int Status { get; }

    /// <summary>For exit(3) with this code.</summary>
    public static ExitException WithCode(int code) => new((code & 0xFF) << 8);
}
