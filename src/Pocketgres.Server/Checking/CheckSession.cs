using System.Text;
using Npgsql;
using NpgsqlTypes;

namespace Pocketgres.Server.Checking;

/// <summary>What a check does with a session.</summary>
internal static class CheckSession
{
    private static readonly string[] s_indexScans = ["enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"];

    /// <summary>Goes on without the indexes of the catalogue itself, which may be what is damaged; "RESET ALL" ends it.</summary>
    /// <remarks>SET looks nothing up in the catalogue. One at a time: the command line has Npgsql leave statements as they are.</remarks>
    /// <exception cref="NpgsqlException">The server refused, or the session is lost.</exception>
    public static async Task AvoidIndexesAsync(this NpgsqlConnection session, CancellationToken cancellationToken)
    {
        foreach (string setting in s_indexScans)
        {
            await session.ExecuteAsync($"SET {setting} = off", cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Runs one statement. It holds no text of users but quoted names.</summary>
    /// <exception cref="NpgsqlException">The server refused, or the session is lost.</exception>
    public static async Task ExecuteAsync(this NpgsqlConnection session, string sql, CancellationToken cancellationToken)
    {
#pragma warning disable CA2100 // names are quoted
        var command = new NpgsqlCommand(sql, session);
#pragma warning restore CA2100
        await using (command.ConfigureAwait(false))
        {
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Runs a query and hands over row after row.</summary>
    /// <exception cref="NpgsqlException">The server refused, or the session is lost.</exception>
    public static async Task QueryAsync(
        this NpgsqlConnection session, string sql, Action<NpgsqlDataReader> row, CancellationToken cancellationToken, uint? oid = null)
    {
#pragma warning disable CA2100 // names are quoted
        var command = new NpgsqlCommand(sql, session);
#pragma warning restore CA2100
        await using (command.ConfigureAwait(false))
        {
            if (oid is { } value)
            {
                command.Parameters.Add(new NpgsqlParameter<uint> { TypedValue = value, NpgsqlDbType = NpgsqlDbType.Oid });
            }

            var reader = await command.ExecuteReaderAsync(cancellationToken).ConfigureAwait(false);
            await using (reader.ConfigureAwait(false))
            {
                while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false))
                {
                    row(reader);
                }
            }
        }
    }

    /// <summary>A name that came as textsend(name): damage may have made it anything, also no UTF-8.</summary>
    public static string Text(this NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? "" : Encoding.UTF8.GetString(reader.GetFieldValue<byte[]>(column));
}
