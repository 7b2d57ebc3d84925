namespace Pocketgres.Kernel;

/// <summary>Whether the kernel's lock is taken around a method that translated code calls. Translated code itself runs without it.</summary>
public enum KernelLocking
{
    /// <summary>
    /// The method has the kernel's lock (<see cref="PosixKernel.RunLocked"/>): it may use all of the kernel's state. The lock is given up while the method waits
    /// (<see cref="Process.Block"/>, <see cref="Process.RunBlocking"/>) and while a signal's handler runs.
    /// </summary>
    Locked,

    /// <summary>
    /// The method runs as the code that calls it does, beside other processes. For methods that use only their process's own memory, descriptors and timers, what is said to be for any
    /// thread, and shared memory by atomic operations; and for those that call back into code of the program that computes for long.
    /// </summary>
    None,
}
