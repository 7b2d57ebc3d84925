namespace Pocketgres.Cli.Extensions;

/// <summary>Which files a scan reads.</summary>
internal static class ScannedFiles
{
    private static readonly HashSet<string> s_extensions = new(StringComparer.OrdinalIgnoreCase)
    {
        ".sql", ".prisma", ".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".py", ".rs", ".rb", ".go", ".java", ".kt", ".cs", ".php", ".ex", ".exs",
    };

    // What others wrote, and what tools made of it: an application's dependencies mention every extension there is.
    private static readonly HashSet<string> s_skipped = new(StringComparer.Ordinal)
    {
        "node_modules", ".git", "target", "dist", "build", "bin", "obj", "vendor", ".venv", "venv", "__pycache__", ".next",
    };

    /// <summary>The file itself, or all that matter below a directory, ordered by path.</summary>
    /// <exception cref="UsageException">The path does not exist or cannot be read.</exception>
    public static IEnumerable<string> Below(string path)
    {
        if (File.Exists(path))
        {
            return [path];
        }

        if (!Directory.Exists(path))
        {
            throw new UsageException($"{path} does not exist");
        }

        try
        {
            var files = new List<string>();
            Collect(path, files);
            return files;
        }
        catch (UnauthorizedAccessException e)
        {
            throw new UsageException(e.Message);
        }
    }

    /// <summary>A file's text.</summary>
    /// <exception cref="UsageException">It cannot be read.</exception>
    public static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{path} cannot be read: {e.Message}");
        }
    }

    private static void Collect(string directory, List<string> files)
    {
        files.AddRange(Directory.EnumerateFiles(directory).Where(f => s_extensions.Contains(Path.GetExtension(f))).Order(StringComparer.Ordinal));
        foreach (string below in Directory.EnumerateDirectories(directory).Order(StringComparer.Ordinal))
        {
            // A link may lead back up.
            if (!s_skipped.Contains(Path.GetFileName(below)) && File.ResolveLinkTarget(below, returnFinalTarget: false) is null)
            {
                Collect(below, files);
            }
        }
    }
}
