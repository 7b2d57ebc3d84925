using Pocketgres.Copying;

namespace Pocketgres.Transfer;

/// <summary>A database as a dump, by PostgreSQL's own pg_dump.</summary>
internal static class DatabaseDump
{
    /// <summary>Makes one; with a file it appears when it is whole.</summary>
    /// <param name="target">The database.</param>
    /// <param name="file">Where to; null for standard output.</param>
    /// <param name="arguments">Options of pg_dump.</param>
    /// <param name="step">Runs the program.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Cancels; nothing is left.</param>
    /// <exception cref="DumpException">No dump can be made under that name.</exception>
    /// <exception cref="CopyException">pg_dump has failed, and nothing is there.</exception>
    public static async Task RunAsync(
        TransferTarget target, DumpOutput? file, IReadOnlyList<string> arguments, ProgramStep step, IProgress<TransferProgress>? progress, CancellationToken cancellationToken)
    {
        int status;
        await using (TransferWatch.Start(target.Connection, progress, () => file?.Length ?? 0))
        {
            status = await step.RunAsync("pg_dump", [.. arguments, .. file is null ? (string[])[] : ["--file", file.Path], "--dbname", target.ConnectionInfo], target.Variables, cancellationToken);
        }

        if (status != 0)
        {
            throw new CopyException($"not dumped: {step.Reason("pg_dump")}");
        }

        file?.Finish();
    }

    /// <summary>The format that a file's name asks for; null for SQL.</summary>
    public static string? FormatOf(string file) =>
        file.EndsWith('/') || Directory.Exists(file) ? "directory"
        : Path.GetExtension(file) switch
        {
            ".dump" or ".pgdump" or ".backup" => "custom",
            ".tar" => "tar",
            _ => null,
        };

    /// <summary>Whether options choose the format of a directory.</summary>
    public static bool IsDirectoryFormat(IReadOnlyList<string> words) => words.Where((w, i) =>
        w is "-Fd" or "-Fdirectory" or "--format=d" or "--format=directory" || (w is "d" or "directory" && i > 0 && words[i - 1] is "-F" or "--format")).Any();

    /// <summary>Whether options choose a format.</summary>
    public static bool HasFormat(IReadOnlyList<string> words) => words.Any(w => w.StartsWith("-F", StringComparison.Ordinal) || w == "--format" || w.StartsWith("--format=", StringComparison.Ordinal));
}
