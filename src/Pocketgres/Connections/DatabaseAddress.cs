using System.Diagnostics.CodeAnalysis;
using Npgsql;
using Pocketgres.Server;

namespace Pocketgres.Connections;

/// <summary>What a URL means: a cluster to run here, or a server that runs elsewhere.</summary>
internal sealed class DatabaseAddress
{
    private DatabaseAddress(PostgresUrl? embedded, NpgsqlConnectionStringBuilder? external) => (Embedded, External) = (embedded, external);

    /// <summary>The cluster to run; null for an external server.</summary>
    public PostgresUrl? Embedded { get; }

    /// <summary>How to reach the external server; null for an embedded one.</summary>
    public NpgsqlConnectionStringBuilder? External { get; }

    /// <summary>Whether it names a server that runs already.</summary>
    [MemberNotNullWhen(true, nameof(External))]
    [MemberNotNullWhen(false, nameof(Embedded))]
    public bool IsExternal => External is not null;

    /// <summary>Reads a URL or an Npgsql connection string.</summary>
    /// <exception cref="PocketgresException">It is neither.</exception>
    public static DatabaseAddress Parse(string url)
    {
        if (ConnectionUri.Matches(url))
        {
            try
            {
                return new DatabaseAddress(null, ConnectionUri.Parse(url));
            }
            catch (FormatException e)
            {
                throw new PocketgresException(PocketgresError.InvalidOption, e.Message, e);
            }
        }

        if (IsConnectionString(url))
        {
            try
            {
                return new DatabaseAddress(null, new NpgsqlConnectionStringBuilder(url));
            }
            catch (ArgumentException e)
            {
                throw new PocketgresException(PocketgresError.InvalidOption, $"the connection string cannot be used: {e.Message}", e);
            }
        }

        return PostgresUrl.TryParse(url, out var embedded, out string? error)
            ? new DatabaseAddress(embedded, null)
            : throw new PocketgresException(PocketgresError.InvalidOption, error + " (or postgres://user:password@host/database for a server that runs already)");
    }

    // "Host=...;Database=...", what configuration files of .NET applications contain. A path may contain '=' too, but behind its scheme.
    private static bool IsConnectionString(string text)
    {
        int equals = text.IndexOf('=', StringComparison.Ordinal);
        return equals > 0 && text.AsSpan(0, equals).IndexOfAny(':', '/') < 0;
    }
}
