using System.Net;
using System.Text.RegularExpressions;

namespace Pocketgres.Server.Creation;

/// <summary>The text of pg_hba.conf: made for a new cluster, and read as far as to know who is let in.</summary>
internal static partial class HostBasedAuthentication
{
    public const string FileName = "pg_hba.conf";

    public const string Trust = "trust", Scram = "scram-sha-256", Peer = "peer";

    /// <summary>The setting that names another file.</summary>
    public const string Setting = "hba_file";

    /// <summary>The methods that this engine knows for clients of other machines.</summary>
    public static string[] HostMethods { get; } = [Trust, Scram, "md5", "password", "reject"];

    /// <summary>The file of a new cluster.</summary>
    public static string Text(ClusterSetup setup)
    {
        string loopback = setup.LocalMethod == Peer ? Scram : setup.LocalMethod;
        string others = setup.HostMethod is { } method ? $"\n# Clients of other machines.\nhost    all             all             all                     {method}\n" : "";
        return $"""
            # Who is let in: PostgreSQL's documentation, chapter "The pg_hba.conf File". SIGHUP (or pg_reload_conf()) reads this file again.
            # TYPE  DATABASE        USER            ADDRESS                 METHOD

            # This machine's clients.
            local   all             all                                     {setup.LocalMethod}
            host    all             all             127.0.0.1/32            {loopback}
            host    all             all             ::1/128                 {loopback}
            local   replication     all                                     {setup.LocalMethod}
            host    replication     all             127.0.0.1/32            {loopback}
            host    replication     all             ::1/128                 {loopback}

            """ + others;
    }

    /// <summary>What a file says about clients of other machines.</summary>
    public static OutsideAccess Outside(string text)
    {
        var found = OutsideAccess.None;
        foreach (string line in text.Replace("\\\n", " ", StringComparison.Ordinal).Split('\n'))
        {
            string[] words = [.. Word.Matches(line[..(line.IndexOf('#', StringComparison.Ordinal) is >= 0 and var end ? end : line.Length)]).Select(m => m.Value.Trim('"'))];
            if (words.Length == 0)
            {
                continue;
            }

            if (words[0].StartsWith("include", StringComparison.Ordinal))
            {
                found |= OutsideAccess.Some; // somebody wrote rules of their own there
            }
            else if (words[0].StartsWith("host", StringComparison.Ordinal) && words.Length >= 5 && !IsLoopback(words[3]))
            {
                // The mask may be a word of its own.
                string method = IPAddress.TryParse(words[4], out _) && words.Length > 5 ? words[5] : words[4];
                found |= method == Trust ? OutsideAccess.Some | OutsideAccess.WithoutPassword : OutsideAccess.Some;
            }
        }

        return found;
    }

    /// <summary>Whether a postgresql.conf names another file.</summary>
    public static bool IsElsewhere(string configuration) => FileAssignment.IsMatch(configuration);

    private static bool IsLoopback(string address)
    {
        int slash = address.IndexOf('/', StringComparison.Ordinal);
        return address == "localhost" || (IPAddress.TryParse(slash < 0 ? address : address[..slash], out var parsed) && IPAddress.IsLoopback(parsed));
    }

    [GeneratedRegex("\"[^\"]*\"|[^\\s]+")]
    private static partial Regex Word { get; }

    [GeneratedRegex(@"^[ \t]*hba_file[ \t=]", RegexOptions.Multiline | RegexOptions.IgnoreCase)]
    private static partial Regex FileAssignment { get; }
}

/// <summary>What a pg_hba.conf says about clients of other machines.</summary>
[Flags]
internal enum OutsideAccess
{
    /// <summary>It has no line for them.</summary>
    None = 0,

    /// <summary>It has.</summary>
    Some = 1,

    /// <summary>A line lets them in without a password.</summary>
    WithoutPassword = 2,
}
