using Pocketgres.Server;

namespace Pocketgres.Cli.NativeDirectories;

/// <summary>A directory of ours on the command line: a path, or <c>file:DIR</c>.</summary>
internal static class DirectoryArgument
{
    /// <summary>Its path.</summary>
    /// <exception cref="UsageException">It is the URL of something else.</exception>
    public static string Read(string text) => !text.StartsWith("file:", StringComparison.Ordinal) ? text
        : PostgresUrl.TryParse(text, out var url, out string? error) && url.DataDirectory is { } directory ? directory
        : throw new UsageException(error ?? $"{text} names no directory");
}
