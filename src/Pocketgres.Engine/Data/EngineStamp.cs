using System.Globalization;
using System.Text;
using Pocketgres.Kernel.Files;
using Pocketgres.Installation;

namespace Pocketgres.Engine.Data;

/// <summary>
/// The file <c>pocketgres.version</c> in a data directory: lines <c>name=value</c> that say who made it and what may open it.
/// Postgres ignores it and copies it into base backups.
/// </summary>
/// <param name="Format">The directory's format. A program opens formats up to its own, <see cref="CurrentFormat"/>.</param>
/// <param name="MadeBy">The program that made or first opened it, for people.</param>
/// <param name="Engine">The Postgres inside, for people; what binaries have in common is in pg_control.</param>
internal sealed record EngineStamp(int Format, string MadeBy, string Engine)
{
    /// <summary>Name in a data directory.</summary>
    public const string Name = "pocketgres.version";

    /// <summary>
    /// What this program writes. To be raised when an older program would damage or misread a directory although its pg_control looks right.
    /// </summary>
    public const int CurrentFormat = 1;

    /// <summary>The stamp of this program.</summary>
    public static EngineStamp Current { get; } = new(
        CurrentFormat, "pocketgres " + Version, $"PostgreSQL {EngineArtifacts.PostgresMajorVersion} (64-bit)");

    /// <summary>This program's version.</summary>
    public static string Version => typeof(EngineStamp).Assembly.GetName().Version!.ToString(3);

    /// <summary>Reads a stamp; null when the directory has none (made by a native server).</summary>
    /// <exception cref="InvalidDataException">It is damaged.</exception>
    public static EngineStamp? Read(IFileSystem files, string dataDirectory)
    {
        string path = FileTree.Combine(dataDirectory, Name);
        if (!FileTree.Exists(files, path))
        {
            return null;
        }

        var values = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string line in Encoding.UTF8.GetString(FileTree.ReadAll(files, path, 4096)).Split('\n'))
        {
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals >= 0)
            {
                values[line[..equals]] = line[(equals + 1)..];
            }
        }

        return values.TryGetValue("format", out string? text) && int.TryParse(text, CultureInfo.InvariantCulture, out int format)
            ? new EngineStamp(format, values.GetValueOrDefault("made_by", "?"), values.GetValueOrDefault("engine", "?"))
            : throw new InvalidDataException($"{path} names no format: it is damaged");
    }

    /// <summary>Writes the stamp.</summary>
    public void Write(IFileSystem files, string dataDirectory, bool sync) =>
        FileTree.WriteAll(files, FileTree.Combine(dataDirectory, Name),
            Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"format={Format}\nmade_by={MadeBy}\nengine={Engine}\n")), FileModes.In(files, dataDirectory), sync);
}
