using System.Text;
using Pocketgres.Server;
using Pocketgres.Server.Creation;

namespace Pocketgres.Cli.Serve;

/// <summary>Who is let in and what a new cluster is made with: options of the command line, which win, and the environment variables known from containers.</summary>
/// <param name="environment">Looks up an environment variable.</param>
internal sealed class AccessArguments(Func<string, string?> environment)
{
    private const string ReservedPrefix = "pg_"; // Postgres refuses such roles itself, later and in the middle of things
    private const int MaximumPasswordBytes = 1024;

    public string? PasswordFile { get; set; }

    public string? Method { get; set; }

    public string? InitDirectory { get; set; }

    /// <summary>Where the cluster is when the command line has no URL; null for the user's data folder.</summary>
    public string? Url => Variable("PGDATA") is { } directory ? "file:" + Path.GetFullPath(directory) : null;

    /// <summary>The database when the command line names none: as the container image does, one named like the user.</summary>
    public string? Database => Variable("POSTGRES_DB") ?? Variable("POSTGRES_USER");

    /// <summary>Adds all that to what is to be served.</summary>
    /// <exception cref="UsageException">A value does not make sense.</exception>
    public ServerOptions AddTo(ServerOptions options)
    {
        string user = ServeArguments.Name("POSTGRES_USER", Variable("POSTGRES_USER") ?? options.User);
        if (user.StartsWith(ReservedPrefix, StringComparison.Ordinal))
        {
            throw new UsageException($"POSTGRES_USER is \"{user}\": names that begin with {ReservedPrefix} are PostgreSQL's own; choose another");
        }

        string? password = ReadPassword();
        string local = ReadMethod(password);
        string? host = ReadHostMethod(password);
        string[] initdb = ReadInitdbArguments();
        bool isUsual = user == options.User && password is null && Method is null && host is null && InitDirectory is null && initdb.Length == 0;
        return isUsual ? options : options with
        {
            User = user,
            Password = password,
            Setup = new ClusterSetup
            {
                LocalMethod = local,
                HostMethod = host,
                InitDirectory = InitDirectory is null ? null
                    : Directory.Exists(InitDirectory) ? Path.GetFullPath(InitDirectory)
                    : throw new UsageException($"--init {InitDirectory} is no directory: name one with *.sql, *.sql.gz or *.sh"),
                InitdbArguments = initdb,
            },
        };
    }

    private string? ReadPassword()
    {
        const string Inline = "POSTGRES_PASSWORD", File = "POSTGRES_PASSWORD_FILE";
        if (PasswordFile is { } path)
        {
            return PasswordOf("--password-file", path);
        }

        if (Variable(Inline) is { } password)
        {
            return Variable(File) is null ? CheckedPassword(Inline, password) : throw new UsageException($"{Inline} and {File} are both set: unset one of them");
        }

        return Variable(File) is { } named ? PasswordOf(File, named) : null;
    }

    private static string PasswordOf(string option, string path)
    {
        try
        {
            return CheckedPassword($"{option} {path}", File.ReadAllText(path).TrimEnd('\r', '\n'));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{option}: {e.Message.TrimEnd('.')}; name a file with the superuser's password");
        }
    }

    private static string CheckedPassword(string source, string password) =>
        password.Length == 0 || password.AsSpan().ContainsAny('\0', '\n') || Encoding.UTF8.GetByteCount(password) > MaximumPasswordBytes
            ? throw new UsageException($"{source}: a password has one line of 1 to {MaximumPasswordBytes} bytes")
            : password;

    private string ReadMethod(string? password) => Method switch
    {
        null => password is null ? "trust" : "scram-sha-256",
        "trust" or "peer" => Method,
        "scram" or "scram-sha-256" when password is not null => "scram-sha-256",
        "scram" or "scram-sha-256" => throw new UsageException("--auth scram needs a password for the superuser: give --password-file (or POSTGRES_PASSWORD)"),
        _ => throw new UsageException($"--auth takes one of scram, trust, peer, not \"{Method}\""),
    };

    // As in the container image: a password lets the world in that knows it.
    private string? ReadHostMethod(string? password)
    {
        const string Name = "POSTGRES_HOST_AUTH_METHOD";
        string? method = Variable(Name);
        string[] known = HostBasedAuthentication.HostMethods; // an array: no LINQ at a start
        return method is null ? (password is null ? null : "scram-sha-256")
            : Array.IndexOf(known, method) >= 0 ? method
            : throw new UsageException($"{Name} is \"{method}\": use one of {string.Join(", ", known)}");
    }

    private string[] ReadInitdbArguments()
    {
        const string Name = "POSTGRES_INITDB_ARGS";
        string[] words = Variable(Name)?.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) ?? [];
        foreach (string word in words)
        {
            string? instead = word.Split('=')[0] switch
            {
                "-D" or "--pgdata" => "PGDATA or the URL",
                "-U" or "--username" => "POSTGRES_USER",
                "-W" or "--pwprompt" or "--pwfile" => "--password-file",
                "-A" or "--auth" or "--auth-local" or "--auth-host" => "--auth and POSTGRES_HOST_AUTH_METHOD",
                "-X" or "--waldir" or "-S" or "--sync-only" or "-s" or "--show" or "-V" or "--version" or "-?" or "--help" => "nothing: it makes no sense here",
                _ => null,
            };
            if (instead is not null)
            {
                throw new UsageException($"{Name} has {word}: use {instead} instead");
            }
        }

        return words;
    }

    // An empty variable is one that a compose file left empty.
    private string? Variable(string name) => environment(name) is { Length: > 0 } value ? value : null;
}
