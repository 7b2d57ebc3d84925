using Pocketgres.Engine;
using Pocketgres.Pglite;
using Pocketgres.Pglite.Extensions;

namespace Pocketgres.Scanning;

/// <summary>The catalog for the engine beside this program.</summary>
internal static class InstalledExtensions
{
    /// <summary>Reads it. Without an engine (a broken installation) every add-on counts as missing.</summary>
    public static ExtensionCatalog Load()
    {
        string? directory = null;
        try
        {
            directory = EngineFiles.Default.Directory;
        }
        catch (EngineFilesException)
        {
            // `serve` says what is wrong; these commands need no engine.
        }

        return ExtensionCatalog.Load().ForInstallation(
            addOn => directory is not null && File.Exists(Path.Combine(directory, addOn, EngineArtifacts.ModuleIndex)));
    }
}
