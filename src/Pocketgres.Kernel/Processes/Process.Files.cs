using Pocketgres.Kernel.Files;

namespace Pocketgres.Kernel;

/// <content>What a process knows of files.</content>
public sealed unsafe partial class Process
{
    /// <summary>Its descriptors.</summary>
    public FileDescriptorTable Files { get; }

    /// <summary>Absolute path that relative ones start from.</summary>
    public string WorkingDirectory { get; set; } = "/";

    /// <summary>Permission bits that new files do not get.</summary>
    public int Umask { get; set; } = 0x12; // 022
}
