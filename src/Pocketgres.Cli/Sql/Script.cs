namespace Pocketgres.Cli.Sql;

/// <summary>A script and where it is from.</summary>
/// <param name="Name">For messages.</param>
/// <param name="Text">Its text.</param>
/// <param name="IsArgument">Whether it stood on the command line: then COPY FROM stdin reads standard input.</param>
internal sealed record Script(string Name, string Text, bool IsArgument)
{
    /// <summary>Reads a file, or standard input.</summary>
    /// <exception cref="UsageException">It cannot be read.</exception>
    public static Script Read(string path)
    {
        try
        {
            if (path != "-")
            {
                return new Script(path, File.ReadAllText(path), false);
            }

            using var input = new StreamReader(Console.OpenStandardInput());
            return new Script("stdin", input.ReadToEnd(), false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{path} cannot be read: {e.Message}");
        }
    }
}
