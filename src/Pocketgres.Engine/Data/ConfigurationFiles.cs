using System.Text;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Engine.Data;

/// <summary>What a data directory's configuration files say, as far as it must be known before the server starts. Files they include are not looked into.</summary>
internal static class ConfigurationFiles
{
    private const int Limit = 1 << 20;

    private static readonly string[] s_names = ["postgresql.conf", "postgresql.auto.conf"];

    /// <summary>Whether they set a parameter.</summary>
    /// <exception cref="FileSystemException">A file cannot be read.</exception>
    public static bool Set(MountTable files, string dataDirectory, string parameter)
    {
        foreach (string name in s_names)
        {
            if (TryRead(files, $"{dataDirectory}/{name}", out string text) && text.Split('\n').Any(l => Sets(l, parameter)))
            {
                return true;
            }
        }

        return false;
    }

    // Names are case-insensitive, the equals sign is optional (guc-file.l).
    private static bool Sets(string line, string parameter)
    {
        var text = line.AsSpan().Trim();
        return text.StartsWith(parameter, StringComparison.OrdinalIgnoreCase) && text.Length > parameter.Length && (text[parameter.Length] is ' ' or '\t' or '=');
    }

    /// <summary>The text of a file, if it is there.</summary>
    /// <exception cref="FileSystemException">It cannot be read.</exception>
    public static bool TryRead(MountTable files, string path, out string text)
    {
        text = "";
        var error = files.Resolve(path, followLast: true, out var location);
        if (error != Errno.None || !FileTree.Exists(location.FileSystem, location.Path))
        {
            return false;
        }

        text = Encoding.UTF8.GetString(FileTree.ReadAll(location.FileSystem, location.Path, Limit));
        return true;
    }
}
