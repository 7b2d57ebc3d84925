namespace Pocketgres.Kernel;

/// <summary>The host refused memory, address space or descriptors; the message names the limit to look at.</summary>
public sealed class HostResourceException(string message) : Exception(message);
