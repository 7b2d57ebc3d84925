namespace Pocketgres.Kernel;

/// <summary>Whether processes may run without the global lock while they run private functions only.</summary>
public enum PrivateSectionMode
{
    /// <summary>Never: one process at a time runs.</summary>
    Off,

    /// <summary>Wherever the program begins a private section.</summary>
    On,

    /// <summary>
    /// As <see cref="On"/>, and shared memory is read-only for a process in a private section: a write there, which would be a race, ends the whole
    /// host process with an access violation and its stack. Slow; for tests.
    /// </summary>
    Checked,
}
