namespace Pocketgres.Build.ReadyToRun;

/// <summary>How IL is compiled to native code.</summary>
internal sealed record CrossGenOptions
{
    /// <summary>Unpacked NuGet package <c>Microsoft.NETCore.App.Crossgen2.(host RID)</c>.</summary>
    public required string PackageDirectory { get; init; }

    /// <summary>Directory of the framework's assemblies, <c>shared/Microsoft.NETCore.App/(version)</c>.</summary>
    public required string FrameworkDirectory { get; init; }

    /// <summary>Where the code will run: <c>linux-x64</c>, <c>linux-arm64</c>, <c>osx-arm64</c>, <c>win-x64</c>, ...</summary>
    public required string RuntimeIdentifier { get; init; }

    /// <summary>
    /// Instruction sets the code may assume, in crossgen2's names; null for its default (x64: SSE4.2 and popcnt, with checks at load for what
    /// else it uses opportunistically). On a machine that lacks one of them .NET ignores the image and compiles at run time: slow, not wrong.
    /// </summary>
    public string? InstructionSet { get; init; }

    /// <summary>Threads of the compiler.</summary>
    public int Parallelism { get; init; } = Environment.ProcessorCount;

    /// <summary>The compiler's executable.</summary>
    public string Executable => Path.Combine(PackageDirectory, "tools", OperatingSystem.IsWindows() ? "crossgen2.exe" : "crossgen2");

    /// <summary>Everything that changes the output, as one line; the parallelism does not.</summary>
    public string Identity =>
        $"crossgen2 {Path.GetFileName(PackageDirectory)}, framework {Path.GetFileName(FrameworkDirectory)}, {RuntimeIdentifier}, " +
        $"instruction set {InstructionSet ?? "default"}";

    /// <summary>Operating system and architecture in crossgen2's names.</summary>
    /// <exception cref="BuildException">The runtime identifier is not of the form <c>os-arch</c>, or unknown.</exception>
    public (string Os, string Architecture) Target
    {
        get
        {
            if (RuntimeIdentifier.Split('-') is [var os, "x64" or "arm64"] parts)
            {
                switch (os)
                {
                    case "linux" or "osx":
                        return (os, parts[1]);
                    case "win":
                        return ("windows", parts[1]);
                }
            }

            throw new BuildException($"cannot compile for \"{RuntimeIdentifier}\": give linux, osx or win, a dash, and x64 or arm64");
        }
    }
}
