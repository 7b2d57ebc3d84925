using System.Text;
using System.Text.RegularExpressions;

namespace Pocketgres.Directories;

/// <summary>The lines of a configuration file of PostgreSQL (guc-file.l): settings can be looked at and commented out, each with the reason.</summary>
internal sealed partial class ConfigurationFile
{
    private readonly List<string> _lines;

    private ConfigurationFile(string path)
    {
        Path = path;
        _lines = [.. File.ReadAllLines(path, Encoding.Latin1)]; // whatever the bytes mean, they stay
    }

    /// <summary>Its path.</summary>
    public string Path { get; }

    /// <summary>The settings in their order.</summary>
    public IEnumerable<(int Line, string Name, string Value)> Settings
    {
        get
        {
            for (int i = 0; i < _lines.Count; i++)
            {
                if (Setting().Match(_lines[i]) is { Success: true } match)
                {
                    string value = match.Groups["quoted"] is { Success: true } quoted
                        ? Escape().Replace(quoted.Value, m => m.Value == "''" ? "'" : m.Value[1..])
                        : match.Groups["plain"].Value;
                    yield return (i, match.Groups["name"].Value.ToLowerInvariant(), value);
                }
            }
        }
    }

    /// <summary>Reads a file and those that it includes by relative names.</summary>
    public static List<ConfigurationFile> ReadAll(string path)
    {
        var files = new List<ConfigurationFile>();
        Read(path);
        return files;

        void Read(string file)
        {
            if (!File.Exists(file) || files.Any(f => f.Path == file))
            {
                return;
            }

            var read = new ConfigurationFile(file);
            files.Add(read);
            foreach (var (_, name, value) in read.Settings.ToList().Where(s => s.Name.StartsWith("include", StringComparison.Ordinal) && !System.IO.Path.IsPathRooted(s.Value)))
            {
                string target = System.IO.Path.Combine(System.IO.Path.GetDirectoryName(file)!, value);
                if (name == "include_dir")
                {
                    foreach (string conf in Directory.Exists(target) ? Directory.GetFiles(target, "*.conf").Order(StringComparer.Ordinal).ToArray() : [])
                    {
                        Read(conf);
                    }
                }
                else
                {
                    Read(target);
                }
            }
        }
    }

    /// <summary>Comments a line out.</summary>
    public void CommentOut(int line, string reason) => _lines[line] = $"# pocketgres: {reason.ReplaceLineEndings(" ")}\n#{_lines[line]}";

    /// <summary>Puts another setting behind a line that was commented out.</summary>
    public void Append(int line, string text) => _lines[line] += "\n" + text;

    /// <summary>Writes it.</summary>
    public void Write() => File.WriteAllText(Path, string.Concat(_lines.Select(l => l + "\n")), Encoding.Latin1);

    [GeneratedRegex(@"^\s*(?<name>[A-Za-z_][A-Za-z0-9_.$]*)(?:\s*=\s*|\s+)(?:'(?<quoted>(?:[^'\\]|''|\\.)*)'|(?<plain>[^\s#']+))")]
    private static partial Regex Setting();

    [GeneratedRegex(@"''|\\.")]
    private static partial Regex Escape();
}
