namespace Pocketgres.Kernel.Programs;

/// <summary>dlopen(3) failed; the message is what dlerror(3) reports.</summary>
public sealed class DynamicLinkException(string message) : Exception(message);
