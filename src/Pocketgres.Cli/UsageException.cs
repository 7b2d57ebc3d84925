namespace Pocketgres.Cli;

/// <summary>The command line does not make sense; the message is one line that says why and what to write instead.</summary>
internal sealed class UsageException(string message) : Exception(message);
