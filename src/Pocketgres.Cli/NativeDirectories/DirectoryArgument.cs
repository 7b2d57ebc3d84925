using Pocketgres.Server;

namespace Pocketgres.Cli.NativeDirectories;

/// <summary>A data directory on the command line: a path, or <c>file:DIR</c>.</summary>
internal static class DirectoryArgument
{
    private static readonly string[] s_schemes = ["file:", "memory:"];

    /// <summary>Its path.</summary>
    /// <exception cref="UsageException">It is the URL of something else.</exception>
    public static string Read(string text)
    {
        bool isUrl = ConnectionUri.Matches(text) || ObjectStore.StoreUrl.Matches(text) || s_schemes.Any(s => text.StartsWith(s, StringComparison.Ordinal));
        return !isUrl ? text
            : PostgresUrl.TryParse(text, out var url, out _) && url.DataDirectory is { } directory ? directory
            : throw new UsageException($"{text} names no directory: give its path, or file:DIR; a database of a server is taken by pocketgres copy");
    }
}
