namespace Pocketgres.Transfer;

/// <summary>A file is no dump, or no dump can be made under that name. The message is one line that says why and what to do.</summary>
public sealed class DumpException(string message) : Exception(message);
