using System.Globalization;
using Pocketgres.Engine;
using Pocketgres.Engine.Data;
using Pocketgres.Installation;

namespace Pocketgres.Directories;

/// <summary>Whether a data directory can be copied so that this build opens the copy.</summary>
internal static class SourceCheck
{
    private const int ControlLimit = 8192;

    /// <summary>Checks what every source must have.</summary>
    /// <param name="directory">Its files.</param>
    /// <param name="shown">Its name in messages.</param>
    /// <exception cref="ClusterException">It has not; the message says what to do.</exception>
    public static void Version(string directory, string shown)
    {
        string version = Path.Combine(directory, ClusterCreation.VersionFile);
        if (!File.Exists(version))
        {
            throw new ClusterException(ClusterError.ForeignDirectory, $"{shown} is not a PostgreSQL data directory: it has no {ClusterCreation.VersionFile} that can be read");
        }

        string major = File.ReadAllText(version).Trim(), own = EngineArtifacts.PostgresMajorVersion.ToString(CultureInfo.InvariantCulture);
        if (major != own)
        {
            throw new ClusterException(ClusterError.WrongVersion,
                $"{shown} belongs to PostgreSQL {major}, this is {own}: start it with the programs of {major} and copy each database (pocketgres copy postgres://... file:DIR), or dump it with its pg_dumpall and pocketgres restore; " +
                $"or make it {own} with pg_upgrade; one of PGlite: dump it with pgDump of @electric-sql/pglite-tools in the version of PGlite that made it, and pocketgres restore");
        }
    }

    /// <summary>Refuses a standby and an archive recovery.</summary>
    public static void Signals(string directory, string shown)
    {
        foreach (string signal in (string[])["standby.signal", "recovery.signal"])
        {
            if (File.Exists(Path.Combine(directory, signal)))
            {
                throw new ClusterException(ClusterError.ForeignDirectory, $"{shown} is a standby or an archive recovery ({signal}): promote it and stop it, or remove that file from a backup that has its log");
            }
        }
    }

    /// <summary>Reads pg_control.</summary>
    public static byte[] ReadControl(string directory)
    {
        using var file = new FileStream(Path.Combine(directory, ControlFile.Name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        byte[] bytes = new byte[Math.Min(file.Length, ControlLimit)];
        file.ReadExactly(bytes);
        return bytes;
    }

    /// <summary>Checks pg_control. Those of 32-bit servers are converted, and pass.</summary>
    public static ControlFile Control(byte[] bytes, string shown)
    {
        ControlFile control, own = EngineFiles.Default.TemplateControl;
        try
        {
            control = ControlFile.Parse(bytes);
        }
        catch (InvalidDataException e)
        {
            throw new ClusterException(ClusterError.ForeignDirectory, $"{shown}: {e.Message}: restore a backup", e);
        }

        if (control.Version == ControlFile.KnownVersion && !control.IsIntact)
        {
            throw new ClusterException(ClusterError.ForeignDirectory, $"{shown}: {ControlFile.Name} is damaged (wrong checksum): restore a backup");
        }

        var converted = ControlFile.Parse([.. bytes]);
        converted.SetFloat8ByValue(own.Float8ByValue);
        if (!converted.IsCompatibleWith(own))
        {
            string why = control.Version != own.Version || control.CatalogVersion != own.CatalogVersion ? "it is of another PostgreSQL than 18 (a beta version?)"
                : control.BlockSize != own.BlockSize ? $"its pages have {control.BlockSize} bytes, here they have {own.BlockSize}"
                : control.SegmentSize != own.SegmentSize ? $"its files have {control.SegmentSize} pages, here they have {own.SegmentSize}"
                : "its server was built with other sizes or alignments";
            throw new ClusterException(ClusterError.WrongVersion, $"{shown} cannot be taken over as files: {why}; dump it with the program that made it, and use pocketgres restore");
        }

        return control;
    }
}
