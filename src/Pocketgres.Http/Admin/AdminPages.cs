using Microsoft.AspNetCore.Components;
using Microsoft.AspNetCore.Components.Web;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Pocketgres.Server;
using Pocketgres.Server.Observing;

namespace Pocketgres.Http.Admin;

/// <summary>Makes the pages: asks the server and writes HTML. It looks by read-only sessions; what changes something is in <see cref="AdminActions"/>.</summary>
internal sealed class AdminPages(LogTail log, bool isAdmin, string formToken, IServiceProvider services) : IDisposable
{
    public const string OverviewPath = "/admin";
    public const string SessionsPath = "/admin/sessions";
    public const string StatementsPath = "/admin/statements";
    public const string TablesPath = "/admin/tables";
    public const string ChangesPath = "/admin/changes";
    public const string ReplicationPath = "/admin/replication";
    public const string SettingsPath = "/admin/settings";
    public const string LogPath = "/admin/log";
    public const string SqlPath = "/admin/sql";

    private readonly ChangeFeeds _changes = new();

    /// <summary>The pages there are, with their names.</summary>
    public static IEnumerable<(string Path, string Title)> Menu(bool isAdmin) =>
    [
        (OverviewPath, "Overview"), (SessionsPath, "Sessions"), (StatementsPath, "Statements"), (TablesPath, "Tables"), (ChangesPath, "Changes"),
        (ReplicationPath, "Replication"), (SettingsPath, "Settings"), (LogPath, "Log"),
        .. isAdmin ? new[] { (SqlPath, "SQL") } : [],
    ];

    /// <summary>The page at a path, read from the server; null when there is none.</summary>
    public async Task<AdminPage?> ReadAsync(string path, IQueryCollection query, PostgresServer? server)
    {
        if (Menu(isAdmin).FirstOrDefault(m => m.Path == path) is not { Title: { } title })
        {
            return null;
        }

        var page = new AdminPage
        {
            Path = path,
            Title = title,
            IsAdmin = isAdmin,
            FormToken = formToken,
            Refreshes = path is SessionsPath or ChangesPath or LogPath,
            Log = path is LogPath ? log.Lines : null,
            Notice = AdminActions.WhatWasDone(query["did"].ToString()),
            Text = path is SettingsPath ? query["q"].ToString() : "",
        };
        if (path is LogPath)
        {
            return page;
        }

        if (server is null)
        {
            return page with { Notice = "The server is starting: the log says what it does." };
        }

        try
        {
            string database = query["database"].ToString() is { Length: > 0 } asked ? asked : server.Database;
            var connection = await ObserverConnection.OpenAsync(server, "pocketgres admin", database, "-c default_transaction_read_only=on").ConfigureAwait(false);
            await using (connection.ConfigureAwait(false))
            {
                page = await FillAsync(page with { Database = database }, connection.Session).ConfigureAwait(false);
            }

            return path is ChangesPath ? page with { Sections = [("Rows that were changed", _changes.Look(server, database))] } : page;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException)
        {
            string why = e is PostgresException p ? $"{p.MessageText} ({p.SqlState})" : e.Message;
            return page with { Notice = server.StopRequested ? "The server is stopping." : $"The server cannot be asked: {why}" };
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _changes.Dispose();

    /// <summary>Writes a page.</summary>
    public Task<string> RenderAsync(AdminPage page) => RenderAsync<Layout>(nameof(Layout.Page), page);

    /// <summary>Writes the page that asks for the token.</summary>
    public Task<string> RenderLoginAsync(bool isWrong) => RenderAsync<LoginPage>(nameof(LoginPage.IsWrong), isWrong);

    private static async Task<AdminPage> FillAsync(AdminPage page, NpgsqlConnection connection)
    {
        switch (page.Path)
        {
            case OverviewPath:
                return page with { Sections = await SectionsAsync(connection, ("Server", AdminQueries.Server), ("Databases", AdminQueries.DatabaseSizes)).ConfigureAwait(false) };
            case SessionsPath:
                var sessions = await AdminQuery.RunAsync(connection, AdminQueries.Sessions).ConfigureAwait(false);
                return page with
                {
                    Notice = page.Notice ?? sessions.Note,
                    Sessions = SessionRow.Read(sessions),
                    Sections = await SectionsAsync(connection, ("Locks", AdminQueries.Locks)).ConfigureAwait(false),
                };
            case StatementsPath:
                var schema = await AdminQuery.RunAsync(connection, AdminQueries.StatementsSchema).ConfigureAwait(false);
                page = await WithDatabasesAsync(page, connection).ConfigureAwait(false);
                return schema.Rows is [[{ } name]]
                    ? page with { Sections = await SectionsAsync(connection, ("Slowest statements, together", AdminQueries.StatementsOf(name))).ConfigureAwait(false) }
                    : page with { Notice = "This database has no statistics of statements: CREATE EXTENSION pg_stat_statements makes them, from the server's next start on." };
            case TablesPath:
                page = await WithDatabasesAsync(page, connection).ConfigureAwait(false);
                return page with { Sections = await SectionsAsync(connection, ("Largest tables", AdminQueries.Tables), ("Largest indexes", AdminQueries.Indexes)).ConfigureAwait(false) };
            case ReplicationPath:
                return page with
                {
                    Sections = await SectionsAsync(connection, ("Receivers", AdminQueries.Senders), ("Slots", AdminQueries.Slots), ("What this standby receives", AdminQueries.Receiver),
                        ("Subscriptions", AdminQueries.Subscriptions)).ConfigureAwait(false),
                };
            case SettingsPath:
                string heading = page.Text.Length == 0 ? "Settings that were set" : "Settings";
                return page with { Sections = [(heading, await AdminQuery.RunAsync(connection, AdminQueries.Settings, page.Text).ConfigureAwait(false))] };
            default:
                return await WithDatabasesAsync(page, connection).ConfigureAwait(false);
        }
    }

    private static async Task<AdminPage> WithDatabasesAsync(AdminPage page, NpgsqlConnection connection) =>
        page with { Databases = [.. (await AdminQuery.RunAsync(connection, AdminQueries.Databases).ConfigureAwait(false)).Rows.Select(r => r[0]!)] };

    private static async Task<IReadOnlyList<(string, QueryResult)>> SectionsAsync(NpgsqlConnection connection, params (string Heading, string Sql)[] sections)
    {
        var results = new List<(string, QueryResult)>();
        foreach (var (heading, sql) in sections)
        {
            results.Add((heading, await AdminQuery.RunAsync(connection, sql).ConfigureAwait(false)));
        }

        return results;
    }

    private async Task<string> RenderAsync<T>(string parameter, object value)
        where T : IComponent
    {
        var renderer = new HtmlRenderer(services, NullLoggerFactory.Instance);
        await using (renderer.ConfigureAwait(false))
        {
            var parameters = ParameterView.FromDictionary(new Dictionary<string, object?> { [parameter] = value });
            return await renderer.Dispatcher.InvokeAsync(async () => (await renderer.RenderComponentAsync<T>(parameters).ConfigureAwait(true)).ToHtmlString()).ConfigureAwait(false);
        }
    }
}
