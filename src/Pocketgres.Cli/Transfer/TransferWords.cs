using Pocketgres.Cli.Targets;
using Pocketgres.Server;

namespace Pocketgres.Cli.Transfer;

/// <summary>The words of <c>dump</c> and <c>restore</c>: what is ours, and what is handed to PostgreSQL's program.</summary>
internal sealed record TransferWords
{
    private const string Variable = "DATABASE_URL";

    // The program's own ways to name a server would contradict the URL.
    private static readonly string[] s_connection = ["-d", "-h", "-p", "-U", "--dbname", "--host", "--port", "--username"];

    /// <summary>The database's URL; by default the variable <c>DATABASE_URL</c>, else <c>file:</c>.</summary>
    public required string Url { get; init; }

    /// <summary><c>--database</c>.</summary>
    public string? Database { get; init; }

    /// <summary><c>-o</c>.</summary>
    public string? Output { get; init; }

    /// <summary><c>--replace</c>.</summary>
    public bool Replace { get; init; }

    /// <summary><c>--keep-going</c>.</summary>
    public bool KeepGoing { get; init; }

    /// <summary>Everything else, in its order.</summary>
    public required IReadOnlyList<string> Rest { get; init; }

    /// <summary>Whether the program is given an option.</summary>
    /// <param name="letter">The short name, which may have its value behind it; a dash and a letter.</param>
    /// <param name="name">The long one.</param>
    public bool Has(string letter, string name) => Rest.Any(w => Names(w, letter, name));

    /// <summary>Reads them.</summary>
    /// <exception cref="UsageException">They make no sense.</exception>
    public static TransferWords Read(IReadOnlyList<string> words)
    {
        string? url = null, database = null, output = null;
        bool replace = false, keepGoing = false;
        var rest = new List<string>();
        for (int i = 0; i < words.Count; i++)
        {
            string word = words[i];
            if (url is null && IsUrl(word))
            {
                url = word;
            }
            else if (Value("-o", "--output") is { } file || Value("-f", "--file") is { } named && (file = named) is not null)
            {
                output = file;
            }
            else if (Value(null, "--database") is { } name)
            {
                database = name;
            }
            else if (word is "--replace")
            {
                replace = true;
            }
            else if (word is "--keep-going")
            {
                keepGoing = true;
            }
            else if (s_connection.FirstOrDefault(o => Names(word, o, o)) is { } option)
            {
                throw new UsageException($"{option} is not taken: the URL says which server and database, as postgres://USER@HOST:PORT/NAME or file:DIR");
            }
            else
            {
                rest.Add(word);
            }

            // The value of an option of ours, which may be the next word.
            string? Value(string? letter, string longName)
            {
                if (word.StartsWith(longName + "=", StringComparison.Ordinal))
                {
                    return word[(longName.Length + 1)..];
                }

                if (word == letter || word == longName)
                {
                    return ++i < words.Count ? words[i] : throw new UsageException($"{word} needs a value");
                }

                return letter is not null && word.StartsWith(letter, StringComparison.Ordinal) ? word[letter.Length..] : null;
            }
        }

        return new TransferWords
        {
            Url = url ?? (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } set ? set : "file:"),
            Database = database,
            Output = output,
            Replace = replace,
            KeepGoing = keepGoing,
            Rest = rest,
        };
    }

    /// <summary>The database that is meant.</summary>
    public TargetRequest Request(bool mustExist) => new() { Url = Url, Database = Database, MustExist = mustExist };

    private static bool Names(string word, string letter, string name) =>
        name.StartsWith("--", StringComparison.Ordinal) && (word == name || word.StartsWith(name + "=", StringComparison.Ordinal))
        || (!letter.StartsWith("--", StringComparison.Ordinal) && word.StartsWith(letter, StringComparison.Ordinal));

    private static bool IsUrl(string word) =>
        ConnectionUri.Matches(word) || word.StartsWith("file:", StringComparison.Ordinal) || word.StartsWith("memory:", StringComparison.Ordinal) || ObjectStore.StoreUrl.Matches(word);
}
