using Pocketgres.Build.Modules;
using Pocketgres.Build.Publishing;
using Pocketgres.Wasm;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Build.Inputs;

/// <summary>What an engine is made of: compiled modules and PostgreSQL's installed files, and what the translator must know of them.</summary>
internal abstract class EngineInput
{
    /// <summary>The modules to translate.</summary>
    public abstract ModuleSources Modules { get; }

    /// <summary>Everything that decides what comes out, for the key of the result.</summary>
    public abstract void AddTo(CacheKey key);

    /// <summary>Writes the image of installed files, and those of add-ons.</summary>
    public abstract void WriteSupport(string directory);

    /// <summary>Completes the options for the server program.</summary>
    /// <exception cref="BuildException">The module is not the expected one.</exception>
    public abstract TranslationOptions Server(TranslationOptions options);

    /// <summary>Completes the options for a library.</summary>
    public abstract TranslationOptions Library(ModuleSource library, TranslationOptions options);

    /// <summary>Looks at the translated server program.</summary>
    /// <exception cref="BuildException">It is not the expected one.</exception>
    public virtual void CheckServer(ModuleManifest manifest)
    {
    }
}
