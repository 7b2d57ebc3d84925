using System.Net;
using System.Text.Json;
using System.Text.RegularExpressions;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Cli;

/// <summary>The admin page of `serve --http`: who sees it, what it shows, what it changes.</summary>
public sealed partial class AdminPageTests : IDisposable
{
    const string Evil = "<script>alert(1)</script>\"'&";
    static readonly string[] s_pages = ["/admin", "/admin/sessions", "/admin/statements", "/admin/tables", "/admin/changes", "/admin/replication", "/admin/settings", "/admin/log"];
    readonly HttpClient _browser = new(new SocketsHttpHandler { AllowAutoRedirect = true, UseCookies = true, CookieContainer = new CookieContainer() }) { Timeout = TimeSpan.FromSeconds(30) };
    readonly HttpClient _stranger = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
    readonly TemporaryDirectory _directory = new();

    public void Dispose()
    {
        _browser.Dispose();
        _stranger.Dispose();
        _directory.Dispose();
    }

    [OursFact]
    public async Task Only_who_has_the_token_sees_it()
    {
        await using CliServer server = await StartAsync();
        string root = Root(server), page = root + "/admin/sessions";
        Assert.Equal(HttpStatusCode.Unauthorized, (await _stranger.GetAsync(page)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _stranger.GetAsync(page + "?token=wrong")).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await _stranger.GetAsync(page + "?token=")).StatusCode);
        using var guess = new HttpRequestMessage(HttpMethod.Get, page) { Headers = { { "Cookie", $"pocketgres-{new Uri(root).Port}=" } } };
        Assert.Equal(HttpStatusCode.Unauthorized, (await _stranger.SendAsync(guess)).StatusCode);
        using var rebound = new HttpRequestMessage(HttpMethod.Get, AdminUrl(server)) { Headers = { Host = "evil.example" } };
        Assert.Equal(HttpStatusCode.Forbidden, (await _stranger.SendAsync(rebound)).StatusCode);

        using HttpResponseMessage signedIn = await _stranger.GetAsync(AdminUrl(server));
        Assert.Equal((HttpStatusCode.SeeOther, "/admin"), (signedIn.StatusCode, signedIn.Headers.Location!.OriginalString));
        string cookie = Assert.Single(signedIn.Headers.GetValues("Set-Cookie"));
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(new Uri(AdminUrl(server)).Query["?token=".Length..], cookie, StringComparison.Ordinal);

        using HttpResponseMessage overview = await _browser.GetAsync(AdminUrl(server));
        Assert.Equal((HttpStatusCode.OK, "/admin"), (overview.StatusCode, overview.RequestMessage!.RequestUri!.PathAndQuery));
        Assert.Contains("default-src 'none'", Assert.Single(overview.Headers.GetValues("Content-Security-Policy")), StringComparison.Ordinal);
        foreach (string path in s_pages)
        {
            using HttpResponseMessage answer = await _browser.GetAsync(root + path);
            Assert.Equal((path, HttpStatusCode.OK), (path, answer.StatusCode));
            string text = await answer.Content.ReadAsStringAsync();
            Assert.DoesNotContain("class=\"error\">ERROR", text, StringComparison.Ordinal);
            Assert.DoesNotContain("cannot be asked", text, StringComparison.Ordinal);
            Assert.DoesNotMatch(@"(src|href|action)=""(https?:)?//", text); // nothing of elsewhere
        }

        Assert.Equal(HttpStatusCode.NotFound, (await _browser.GetAsync(root + "/admin/nothing")).StatusCode);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await _browser.DeleteAsync(root + "/admin/sessions")).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await _browser.GetAsync(root + "/admin/sql")).StatusCode);
        Assert.True(server.Log.Lines.All(l => !l.Contains("token=", StringComparison.Ordinal)), "the log has the token");
    }

    [OursFact]
    public async Task Names_and_statements_of_bad_people_are_text()
    {
        await using CliServer server = await StartAsync("--admin", "-c", "shared_preload_libraries=pg_stat_statements", "-c", "log_statement=all");
        string root = Root(server), name = $"\"{Evil.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
        await SignInAsync(server);
        await using NpgsqlConnection connection = await server.OpenAsync();
        await connection.ExecuteAsync($"create extension pg_stat_statements; create role {name} superuser login");
        await connection.ExecuteAsync($"create database {name} owner {name}");
        await connection.ExecuteAsync($"create table {name} ({name} int primary key); create index on {name} (({name} + 1))");
        await connection.ExecuteAsync($"select {name} from {name}");
        var settings = new NpgsqlConnectionStringBuilder(server.ConnectionString(Evil)) { Username = Evil, ApplicationName = Evil };
        await using var evil = new NpgsqlConnection(settings.ConnectionString);
        await evil.OpenAsync();
        await evil.ExecuteAsync($"begin; select '{Evil.Replace("'", "''", StringComparison.Ordinal)}'");
        await evil.ExecuteAsync("select pg_logical_emit_message(true, '', ''); select txid_current()");
        foreach (string path in (string[])["/admin", "/admin/sessions", "/admin/statements", "/admin/tables", "/admin/log", "/admin/settings?q=" + Uri.EscapeDataString(Evil),
            "/admin/tables?database=" + Uri.EscapeDataString(Evil), "/admin/tables?database=no" + Uri.EscapeDataString(Evil), "/admin/sql"])
        {
            await IsEscapedAsync(path, () => _browser.GetStringAsync(root + path));
        }

        string form = await FormTokenAsync(root);
        await IsEscapedAsync("run", () => PostAsync(root + "/admin/sql", ("form", form), ("database", Evil), ("sql", $"select '</textarea>{Evil.Replace("'", "''", StringComparison.Ordinal)}' as {name}")));
        Assert.Contains("ERROR", await PostAsync(root + "/admin/sql", ("form", form), ("database", "postgres"), ("sql", $"select * from no{name}")), StringComparison.Ordinal);
    }

    [OursFact]
    public async Task Who_keeps_whom_waiting_is_shown_and_a_click_ends_it()
    {
        await using CliServer server = await StartAsync("--admin");
        string root = Root(server), page = root + "/admin/sessions";
        await SignInAsync(server);
        await using NpgsqlConnection holder = await server.OpenAsync(), waiter = await server.OpenAsync();
        await holder.ExecuteAsync("create table t (i int)");
        await holder.ExecuteAsync("begin; lock table t");
        Task wait = waiter.ExecuteAsync("select * from t /* waits */");
        string text = "";
        await Wait.UntilAsync(async () => (text = await _browser.GetStringAsync(page)).Contains("Who keeps whom waiting", StringComparison.Ordinal), "the tree");
        string tree = text[text.IndexOf("class=\"tree\"", StringComparison.Ordinal)..text.IndexOf("<h2>Sessions", StringComparison.Ordinal)];
        Assert.True(tree.IndexOf($"<b>{holder.ProcessID}</b>", StringComparison.Ordinal) is var first and >= 0 && tree.IndexOf($"<b>{waiter.ProcessID}</b>", StringComparison.Ordinal) > first, tree);
        Assert.Contains("select * from t /* waits */", tree, StringComparison.Ordinal);

        // As a button's form has it; and not if anything is wrong with it.
        string started = Regex.Match(tree, $"name=\"pid\" value=\"{holder.ProcessID}\"[^>]*>\\s*<input type=\"hidden\" name=\"started\" value=\"([^\"]+)\"").Groups[1].Value;
        (string, string)[] click = [("form", await FormTokenAsync(root)), ("pid", $"{holder.ProcessID}"), ("started", started), ("do", "end")];
        foreach (string origin in (string[])["http://evil.example", "null", root.Replace("127.0.0.1", "localhost", StringComparison.Ordinal)])
        {
            Assert.Equal(HttpStatusCode.Forbidden, await PostStatusAsync(page, origin, click));
        }

        Assert.Equal(HttpStatusCode.Forbidden, await PostStatusAsync(page, root, [("form", "wrong"), .. click[1..]]));
        Assert.Equal(HttpStatusCode.Forbidden, await PostStatusAsync(page, root, click[1..]));
        using var unsigned = new FormUrlEncodedContent(click.Select(f => KeyValuePair.Create(f.Item1, f.Item2)));
        Assert.Equal(HttpStatusCode.Unauthorized, (await _stranger.PostAsync(page, unsigned)).StatusCode);
        Assert.Contains("There is no such session any more", await PostAsync(page, click[0], click[1], ("started", "1"), click[3]), StringComparison.Ordinal);
        Assert.Contains("There is no such session any more", await PostAsync(page, click[0], ("pid", "1; drop table t"), click[2], click[3]), StringComparison.Ordinal);
        Assert.Equal(1, await holder.ScalarAsync<int>("select 1"));

        Assert.Contains("The session was ended", await PostAsync(page, click), StringComparison.Ordinal);
        await Wait.ForAsync(wait, "the end of the wait");
        Assert.Equal("57P01", (await Assert.ThrowsAsync<PostgresException>(() => holder.ExecuteAsync("select 1"))).SqlState);
    }

    [OursFact]
    public async Task Changes_are_shown_when_they_are_committed()
    {
        await using CliServer server = await StartAsync();
        string page = Root(server) + "/admin/changes", name = $"\"{Evil.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
        await SignInAsync(server);
        await using NpgsqlConnection connection = await server.OpenAsync();
        await connection.ExecuteAsync($"create table {name} (n int primary key, t text)");
        await ShowsAsync("<p class=\"note\">0 since ");
        await connection.ExecuteAsync($"begin; insert into {name} values (1, 'taken back'); rollback");
        await connection.ExecuteAsync($"begin; insert into {name} select i, 'new' from generate_series(1, 300) i; delete from {name} where n = 7");
        Assert.Contains("<p class=\"note\">0 since ", await _browser.GetStringAsync(page), StringComparison.Ordinal);
        await connection.ExecuteAsync($"update {name} set t = 'other' where n = 8; commit");
        string text = await ShowsAsync("<p class=\"note\">302 since ");
        Assert.Contains(", of which the last 200<", text, StringComparison.Ordinal);
        Assert.DoesNotContain("taken back", text, StringComparison.Ordinal);
        Assert.Equal(200, Regex.Count(text, ">public\\."));
        Assert.True(text.IndexOf("UPDATE: n[integer]:8 t[text]:&#x27;other&#x27;", StringComparison.Ordinal) is var update and >= 0 && text.IndexOf("DELETE: n[integer]:7", StringComparison.Ordinal) > update, text);
        await IsEscapedAsync("changes", () => _browser.GetStringAsync(page));

        // When nobody looks any more, nothing stays that would keep the log.
        await Wait.UntilAsync(async () => await connection.ScalarAsync<long>("select count(*) from pg_replication_slots") == 0, "the slot is gone");
        await ShowsAsync("<p class=\"note\">0 since ");

        async Task<string> ShowsAsync(string what)
        {
            string shown = "";
            await Wait.UntilAsync(async () => (shown = await _browser.GetStringAsync(page)).Contains(what, StringComparison.Ordinal), what);
            return shown;
        }
    }

    [OursFact]
    public async Task Without_logical_decoding_the_page_of_changes_says_what_to_set()
    {
        await using CliServer server = await StartAsync("-c", "wal_level=replica");
        await SignInAsync(server);
        await Wait.UntilAsync(async () => (await _browser.GetStringAsync(Root(server) + "/admin/changes")).Contains("class=\"error\">Changes are read by logical decoding: start the server with -c wal_level=logical", StringComparison.Ordinal), "the reason");
    }

    [OursFact]
    public async Task Without_admin_it_changes_nothing()
    {
        await using CliServer server = await StartAsync();
        string page = Root(server) + "/admin/sessions";
        await SignInAsync(server);
        await using NpgsqlConnection session = await server.OpenAsync();
        string text = await _browser.GetStringAsync(page);
        Assert.Contains($">{session.ProcessID}</td>", text, StringComparison.Ordinal);
        Assert.DoesNotContain("<form", text, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, await PostStatusAsync(page, null, [("form", ""), ("pid", $"{session.ProcessID}"), ("do", "end")]));
        Assert.Equal(HttpStatusCode.Forbidden, await PostStatusAsync(Root(server) + "/admin/sql", null, [("form", ""), ("sql", "select 1")]));
    }

    [OursFact]
    public async Task Sql_is_run_and_shows_as_much_as_a_page_holds()
    {
        await using CliServer server = await StartAsync("--admin");
        string page = Root(server) + "/admin/sql", form = "";
        await SignInAsync(server);
        form = await FormTokenAsync(Root(server));
        Assert.Contains("the first 200 rows; there are more", await RunAsync("select generate_series(1, 1000000000000)"), StringComparison.Ordinal);
        Assert.Contains("division by zero (22012)", await RunAsync("select 1/0"), StringComparison.Ordinal);
        Assert.Contains("done", await RunAsync("create table t (i int)"), StringComparison.Ordinal);
        Assert.Contains("3 rows", await RunAsync("insert into t values (1), (2), (null)"), StringComparison.Ordinal);
        Assert.Contains("class=\"null\">NULL</td>", await RunAsync("select * from t"), StringComparison.Ordinal);
        Assert.Contains(">1min</td>", await RunAsync("show statement_timeout"), StringComparison.Ordinal);
        Assert.Contains("class=\"error\"", await RunAsync("copy t from stdin"), StringComparison.Ordinal);
        Assert.Contains("class=\"error\"", await RunAsync("select 1; select 2"), StringComparison.Ordinal);
        Assert.Contains("class=\"error\"", await RunAsync(""), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, await PostStatusAsync(page, null, [("form", form), ("sql", new string(' ', 1 << 20))]));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, await PostStatusAsync(page, null, [("form", form), ("sql", new string(' ', 20 << 20))]));
        Assert.Equal(HttpStatusCode.OK, (await _browser.GetAsync(page)).StatusCode);

        Task<string> RunAsync(string sql) => PostAsync(page, ("form", form), ("database", "postgres"), ("sql", sql));
    }

    [OursFact]
    public async Task A_server_that_is_full_shows_its_log_and_says_why_there_is_no_more()
    {
        string token = _directory.Combine("token");
        await File.WriteAllTextAsync(token, "of-one's-own-choice");
        await using CliServer server = await CliServer.StartAsync(
            ["serve", "memory:", "--port", "0", "--http", "0", "--http-token-file", token, "-c", "max_connections=4", "-c", "superuser_reserved_connections=0"]);
        Assert.DoesNotContain("choice", server.ReadyLine, StringComparison.Ordinal);
        Assert.Contains("Sessions", await PostAsync(Root(server) + "/admin/login", ("token", "of-one's-own-choice")), StringComparison.Ordinal);
        var sessions = new List<NpgsqlConnection>();
        await Wait.UntilAsync(async () =>
        {
            try
            {
                sessions.Add(await server.OpenAsync());
                return false;
            }
            catch (PostgresException e) when (e.SqlState == "53300")
            {
                return sessions.Count == 4;
            }
        }, "it is full");
        Assert.Contains("too many clients already (53300)", await _browser.GetStringAsync(Root(server) + "/admin"), StringComparison.Ordinal);
        Assert.Contains("database system is ready to accept connections", await _browser.GetStringAsync(Root(server) + "/admin/log"), StringComparison.Ordinal);
        foreach (NpgsqlConnection session in sessions)
        {
            await session.DisposeAsync();
        }
    }

    static Task<CliServer> StartAsync(params string[] options) => CliServer.StartAsync(["serve", "memory:", "--port", "0", "--http", "0", .. options]);

    static string AdminUrl(CliServer server) => JsonDocument.Parse(server.ReadyLine).RootElement.GetProperty("adminUrl").GetString()!;

    static string Root(CliServer server) => new Uri(AdminUrl(server)).GetLeftPart(UriPartial.Authority);

    async Task SignInAsync(CliServer server) => Assert.Contains("Overview", await _browser.GetStringAsync(AdminUrl(server)), StringComparison.Ordinal);

    async Task<string> FormTokenAsync(string root) => FormToken.Match(await _browser.GetStringAsync(root + "/admin/sql")).Groups[1].Value;

    async Task<string> PostAsync(string url, params (string, string)[] fields)
    {
        using var content = new FormUrlEncodedContent(fields.Select(f => KeyValuePair.Create(f.Item1, f.Item2)));
        using HttpResponseMessage answer = await _browser.PostAsync(url, content);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return await answer.Content.ReadAsStringAsync();
    }

    async Task<HttpStatusCode> PostStatusAsync(string url, string? origin, (string, string)[] fields)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new FormUrlEncodedContent(fields.Select(f => KeyValuePair.Create(f.Item1, f.Item2))) };
        if (origin is not null)
        {
            request.Headers.Add("Origin", origin);
        }

        using HttpResponseMessage answer = await _browser.SendAsync(request);
        return answer.StatusCode;
    }

    static async Task<string> IsEscapedAsync(string what, Func<Task<string>> read)
    {
        string text = await read();
        Assert.True(text.Contains("&lt;script&gt;alert(1)&lt;/script&gt;", StringComparison.Ordinal), what + ": it is not shown\n" + text);
        Assert.False(text.Contains("<script>alert", StringComparison.Ordinal), what + ": it is a script\n" + text);
        return text;
    }

    [GeneratedRegex("name=\"form\" value=\"([^\"]+)\"")]
    private static partial Regex FormToken { get; }
}
