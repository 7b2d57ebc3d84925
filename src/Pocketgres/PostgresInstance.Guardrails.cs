using Microsoft.Extensions.Logging;
using Npgsql;
using Pocketgres.Copying;
using Pocketgres.Server;

namespace Pocketgres;

/// <content>What keeps an application from going on without its data.</content>
public sealed partial class PostgresInstance
{
    // An application whose URL was changed and whose data was not would start as if it had none.
    private async Task WarnIfLeftBehindAsync(string previous, CancellationToken cancellationToken)
    {
        if (PostgresUrl.Parse(previous).DataDirectory is not { } directory || directory == _backend.DataDirectory || !File.Exists(Path.Combine(directory, "PG_VERSION")))
        {
            return;
        }

        try
        {
            var command = _dataSource.CreateCommand(
                $"SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'p', 'f') AND {CopiedTable.UserSchemas})");
            await using (command.ConfigureAwait(false))
            {
                if (await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false) is false)
                {
                    LogLeftBehind(_logger, Url, previous);
                }
            }
        }
        catch (NpgsqlException)
        {
            // Whoever uses the database next hears of it.
        }
    }

    [LoggerMessage(6, LogLevel.Warning, "{Url} has no table, and {PreviousUrl}, which was used before, has a cluster: copy it (pocketgres copy, or CopyToAsync), go back to it, or leave PreviousUrl out to begin anew")]
    private static partial void LogLeftBehind(ILogger logger, string url, string previousUrl);
}
