using Pocketgres.Wasm.Abi;

namespace Pocketgres.Wasm;

/// <summary>The result of a translation.</summary>
public sealed class TranslatedModule
{
    internal TranslatedModule(byte[] assembly, ModuleManifest manifest, byte[] memoryImage, ModuleLinkage linkage, TranslationReport report, IReadOnlyList<InlineCandidate> calls)
    {
        Assembly = assembly;
        Manifest = manifest;
        MemoryImage = memoryImage;
        Linkage = linkage;
        Report = report;
        Calls = calls;
    }

    /// <summary>The assembly's bytes: IL only, any processor, deterministic.</summary>
#pragma warning disable CA1819 // megabytes written to a file once: a copy for each reader would be waste
    public byte[] Assembly { get; }

    /// <summary>Initial contents of linear memory: main from address 0, side modules from their memory base.</summary>
    public byte[] MemoryImage { get; }
#pragma warning restore CA1819

    /// <summary>What side modules need to be bound to this one.</summary>
    public ModuleLinkage Linkage { get; }

    /// <summary>What was done.</summary>
    public TranslationReport Report { get; }

    /// <summary>The calls that <see cref="TranslationOptions.Inlined"/> may name in another translation of the same module.</summary>
    public IReadOnlyList<InlineCandidate> Calls { get; }

    internal ModuleManifest Manifest { get; }

    /// <summary>Writes the manifest the kernel's loader reads.</summary>
    public void SaveManifest(Stream stream) => Manifest.Save(stream);
}
