namespace Pocketgres.Engine;

/// <summary>The translated modules or images cannot be found: an installation fault; the message says where they were looked for.</summary>
public sealed class EngineFilesException(string message) : Exception(message);
