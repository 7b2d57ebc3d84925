namespace Pocketgres.Copying;

/// <summary>A database cannot be copied. The message is one line that says why, what to do, and what is in the target.</summary>
public sealed class CopyException(string message, Exception? inner = null) : Exception(message, inner);
