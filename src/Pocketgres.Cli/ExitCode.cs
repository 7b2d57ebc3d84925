namespace Pocketgres.Cli;

/// <summary>The exit codes of every command; docs/cli.md lists them.</summary>
internal static class ExitCode
{
    /// <summary>Done, or stopped as asked.</summary>
    public const int Success = 0;

    /// <summary>The server could not start, or ended by itself.</summary>
    public const int ServerFailed = 1;

    /// <summary>What a command was to do failed.</summary>
    public const int Failed = 1;

    /// <summary>extensions info, scan: something that was asked for is not available.</summary>
    public const int NotAvailable = 1;

    /// <summary>A bad option or URL.</summary>
    public const int Usage = 2;

    /// <summary>The port is taken, or the address or the Unix socket's directory cannot be used.</summary>
    public const int AddressUnavailable = 3;

    /// <summary>The data directory is unreadable, foreign or in use.</summary>
    public const int DirectoryUnusable = 4;

    /// <summary>The data directory belongs to another major version.</summary>
    public const int WrongVersion = 5;

    /// <summary><c>check</c> found damage.</summary>
    public const int Damaged = 6;

    /// <summary><c>check</c> found what recovery may repair.</summary>
    public const int Undecided = 7;

    /// <summary>Another process has taken the cluster's bucket over.</summary>
    public const int Fenced = 8;

    /// <summary>Plus the number of the signal that ended the process at once.</summary>
    public const int SignalBase = 128;
}
