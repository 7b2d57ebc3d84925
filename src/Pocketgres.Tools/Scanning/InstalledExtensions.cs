using Pocketgres.Engine;
using Pocketgres.Installation.Extensions;

namespace Pocketgres.Scanning;

/// <summary>The catalog for the engine beside this program.</summary>
internal static class InstalledExtensions
{
    /// <summary>Reads it. Without an engine (a broken installation) it is the catalog of this version.</summary>
    public static ExtensionCatalog Load()
    {
        var catalog = ExtensionCatalog.Load();
        try
        {
            var engine = EngineFiles.Default;
            if (engine.OwnExtensions is { } own)
            {
                catalog = catalog.With(ExtensionCatalog.FromJson(own));
            }

            return catalog.ForInstallation(e => engine.IsInstalled(
                e.Kind == ExtensionKind.Extension ? $"share/postgresql/extension/{e.Name}.control" : $"lib/postgresql/{e.Libraries[0]}.so"));
        }
        catch (EngineFilesException)
        {
            // `serve` says what is wrong; these commands need no engine.
            return catalog;
        }
    }
}
