using Microsoft.AspNetCore.Http;
using Npgsql;
using Pocketgres.Server;
using Pocketgres.Server.Observing;

namespace Pocketgres.Http.Admin;

/// <summary>What the admin page changes, with <c>--admin</c> only: ends sessions, runs SQL.</summary>
internal static class AdminActions
{
    private const string Gone = "gone";
    private const int ConsoleSeconds = 60;
    private const string ConsoleOptions = "-c lock_timeout=0 -c search_path=\"$user\",public";

    /// <summary>Cancels a session's statement or ends the session; returns what <see cref="WhatWasDone"/> knows.</summary>
    public static async Task<string> EndAsync(PostgresServer server, IFormCollection form)
    {
        string what = form["do"].ToString();
        string sql = what == "cancel" ? AdminQueries.Cancel : what == "end" ? AdminQueries.Terminate : "";
        if (sql.Length == 0)
        {
            return Gone;
        }

        try
        {
            var connection = await ObserverConnection.OpenAsync(server, "pocketgres admin", server.Database).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                var result = await AdminQuery.RunAsync(connection.Session, sql, form["pid"].ToString(), form["started"].ToString()).ConfigureAwait(false);
                return result.Rows is [["t"]] ? what : Gone;
            }
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            return "failed";
        }
    }

    /// <summary>What an action did, in words; null for nothing.</summary>
    public static string? WhatWasDone(string did) => did switch
    {
        "cancel" => "The statement was cancelled.",
        "end" => "The session was ended.",
        Gone => "There is no such session any more.",
        "failed" => "The server cannot be asked: the log may say why.",
        _ => null,
    };

    /// <summary>Runs one statement.</summary>
    public static async Task<QueryResult> RunAsync(PostgresServer server, string database, string sql)
    {
        try
        {
            var connection = await ObserverConnection.OpenAsync(server, "pocketgres admin", database, ConsoleOptions, ConsoleSeconds).ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                return await AdminQuery.RunAsync(connection.Session, sql).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or NotSupportedException or InvalidOperationException)
        {
            return new QueryResult([], [], e is PostgresException p ? $"{p.Severity}: {p.MessageText} ({p.SqlState})" : e.Message, IsError: true);
        }
    }
}
