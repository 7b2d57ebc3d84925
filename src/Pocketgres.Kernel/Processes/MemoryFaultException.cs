using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel;

/// <summary>A process accessed memory that it has not: SIGSEGV, or SIGBUS where a mapped file has no byte. The access' place is in the inner exception's stack trace.</summary>
public sealed class MemoryFaultException : Exception
{
    /// <summary>Creates the exception without details.</summary>
    public MemoryFaultException()
    {
    }

    /// <inheritdoc cref="MemoryFaultException()"/>
    public MemoryFaultException(string message)
        : base(message)
    {
    }

    /// <inheritdoc cref="MemoryFaultException()"/>
    public MemoryFaultException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    internal MemoryFaultException(MemoryFault fault, long size, Exception innerException)
        : this($"{(fault.Signal == Kernel.Signal.BusError ? "bus error" : "segmentation fault")} at address 0x{fault.Address:x} (memory ends at 0x{size:x})", innerException)
    {
        Signal = fault.Signal;
        Address = fault.Address;
    }

    /// <summary>The signal that ends the process.</summary>
    public int Signal { get; }

    /// <summary>Address in linear memory; up to twice 4 GiB, as translated code adds an offset to an address.</summary>
    public long Address { get; }
}
