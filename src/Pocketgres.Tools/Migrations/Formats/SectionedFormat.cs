using System.Text;
using System.Text.RegularExpressions;

namespace Pocketgres.Migrations.Formats;

/// <summary>Files whose way up and way down are sections, begun by a comment: dbmate's and goose's.</summary>
internal abstract class SectionedFormat : MigrationFormat
{
    /// <summary>Matches the line that begins the way up; its group <c>options</c> is what follows.</summary>
    protected abstract Regex Up { get; }

    /// <summary>Matches the line that begins the way down.</summary>
    protected abstract Regex Down { get; }

    public override bool Matches(string directory) => SqlFiles(directory).Any(f => Up.IsMatch(File.ReadAllText(f)));

    public override IReadOnlyList<Migration> Read(string directory, MigrateOptions options) => [.. SqlFiles(directory).Select(Read)];

    /// <summary>What the tool's table has of a file.</summary>
    protected abstract string KeyOf(string fileName);

    /// <summary>Whether the file says that it is not to run in a transaction.</summary>
    protected abstract bool HasNoTransaction(string text, string upOptions);

    private Migration Read(string file)
    {
        byte[] bytes = File.ReadAllBytes(file);
        string text = Encoding.UTF8.GetString(bytes);
        var up = Up.Match(text);
        if (!up.Success)
        {
            throw new MigrationException(MigrationError.BadFile, $"{file} has no section for the way up, as the other files of its folder have: add \"{Up}\" or move it");
        }

        int start = up.Index + up.Length;
        var down = Down.Match(text, start);
        string name = Path.GetFileName(file);
        return new Migration(name, KeyOf(name), file, down.Success ? text[start..down.Index] : text[start..])
        {
            Checksum = Migration.Hash(bytes),
            FirstLine = text.AsSpan(0, start).Count('\n') + 1,
            NoTransaction = HasNoTransaction(text, up.Groups["options"].Value),
        };
    }
}
