using System.Globalization;
using Npgsql;
using Pocketgres.Scanning;
using Pocketgres.Sql;

namespace Pocketgres.Migrations;

/// <summary>Says which extensions migrations need that the server does not have: before anything runs where they are named, else when a statement failed.</summary>
internal sealed class ExtensionNeeds(NpgsqlConnection connection, string directory)
{
    /// <summary>Looks for CREATE EXTENSION of what the server lacks.</summary>
    /// <exception cref="MigrationException">There is one; nothing was run.</exception>
    public async Task CheckAsync(IEnumerable<(Migration Migration, SqlStatement Statement)> statements, CancellationToken cancellationToken)
    {
        var available = await AvailableAsync(cancellationToken);
        var lacking = new List<string>();
        foreach (var (migration, statement) in statements)
        {
            var words = statement.Words.Where(w => w is not ("IF" or "NOT" or "EXISTS")).ToList();
            if (words is ["CREATE", "EXTENSION", var word, ..] && word.ToLowerInvariant() is var name && !available.Contains(name))
            {
                lacking.Add(string.Create(CultureInfo.InvariantCulture, $"{name} ({migration.File}:{statement.Line + migration.FirstLine - 1}{Reason(name)})"));
            }
        }

        if (lacking.Count > 0)
        {
            throw new MigrationException(MigrationError.ExtensionMissing,
                $"nothing was applied, because the server does not have these extensions: {string.Join(", ", lacking.Distinct())}; \"pocketgres scan {directory}\" shows all that are needed");
        }
    }

    /// <summary>What to tell of a statement that failed.</summary>
    public async Task<MigrationException> ExplainAsync(Migration migration, StatementException failure, CancellationToken cancellationToken)
    {
        var e = failure.Server;
        string where = string.Create(CultureInfo.InvariantCulture, $"{migration.File}:{failure.Statement.Line + migration.FirstLine - 1}");
        var text = new System.Text.StringBuilder($"{where}: {e.SqlState}: {e.MessageText}");
        foreach (string? more in new[] { e.Detail, e.Hint }.Where(m => !string.IsNullOrEmpty(m)))
        {
            text.Append("; ").Append(more);
        }

        if (connection.State != System.Data.ConnectionState.Open)
        {
            text.Append("; the server has ended the connection: mend that, and run this again");
            return new MigrationException(MigrationError.StatementFailed, text.ToString(), failure.InnerException);
        }

        var available = await AvailableAsync(cancellationToken);
        var seen = new MigrationScanner(InstalledExtensions.Load()).Scan(migration.File, migration.Sql).Select(f => f.Extension).Distinct(StringComparer.Ordinal).ToList();
        var needs = seen.Where(name => !available.Contains(name)).Select(name => name + Reason(name)).ToList();
        if (needs.Count > 0)
        {
            text.Append("; the server does not have extensions that this file seems to need: ").AppendJoin(", ", needs);
        }

        if (e.SqlState is PostgresErrorCodes.UndefinedFunction or PostgresErrorCodes.UndefinedObject)
        {
            var made = (await connection.QueryAsync("SELECT extname::text FROM pg_catalog.pg_extension", cancellationToken)).Select(r => (string)r[0]!).ToHashSet(StringComparer.Ordinal);
            if (seen.Where(name => available.Contains(name) && !made.Contains(name)).ToList() is { Count: > 0 } unmade)
            {
                text.Append($"; this file seems to need extensions that nobody has created: CREATE EXTENSION \"{string.Join("\", \"", unmade)}\"");
            }
        }

        return new MigrationException(MigrationError.StatementFailed, text.ToString(), failure.InnerException);
    }

    private async Task<HashSet<string>> AvailableAsync(CancellationToken cancellationToken) =>
        [.. (await connection.QueryAsync("SELECT name::text FROM pg_catalog.pg_available_extensions", cancellationToken)).Select(r => (string)r[0]!)];

    private static string Reason(string name) => InstalledExtensions.Load().Find(name) is { Enabled: false, Reason: { Length: > 0 } reason } ? ": " + reason : "";
}
