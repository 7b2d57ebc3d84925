using System.Reflection;
using System.Text;
using Microsoft.AspNetCore.Http;
using Pocketgres.Server;

namespace Pocketgres.Http.Admin;

/// <summary>The admin page: who may see it, which request is answered by what.</summary>
internal sealed class AdminSite : IDisposable
{
    // Sessions that pages have at a time, and how long a page waits for its turn.
    private const int MaximumSessions = 2;
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private const string LoginPath = "/admin/login";
    private const string SecurityPolicy =
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

    private readonly AccessGuard _guard;
    private readonly AdminPages _pages;
    private readonly bool _isAdmin;
    private readonly SemaphoreSlim _turn = new(MaximumSessions);

    public AdminSite(HttpPortOptions options, AccessGuard guard, LogTail log, IServiceProvider services)
    {
        (_guard, _isAdmin) = (guard, options.IsAdmin);
        _pages = new AdminPages(log, options.IsAdmin, guard.FormToken, services);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _turn.Dispose();
        _pages.Dispose();
    }

    /// <summary>Whether the request is for the admin page.</summary>
    public static bool Owns(HttpRequest request) => request.Path == "/" || request.Path.StartsWithSegments(AdminPages.OverviewPath, StringComparison.Ordinal);

    /// <summary>Answers a request.</summary>
    public async Task AnswerAsync(HttpContext context, PostgresServer? server)
    {
        var (request, headers) = (context.Request, context.Response.Headers);
        headers.ContentSecurityPolicy = SecurityPolicy;
        headers["Referrer-Policy"] = "same-origin"; // not no-referrer: then a browser sends its own forms with "Origin: null"
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        string path = request.Path.Value!.TrimEnd('/');
        bool isPost = HttpMethods.IsPost(request.Method);
        if (isPost && AccessGuard.IsForeign(request))
        {
            await Answer.SayAsync(context, StatusCodes.Status403Forbidden, "another web page sent this").ConfigureAwait(false);
        }
        else if (!isPost && AssetOf(path) is { } asset)
        {
            await Answer.WriteAsync(context, StatusCodes.Status200OK, asset.Type, asset.Text).ConfigureAwait(false);
        }
        else if (path == LoginPath && isPost)
        {
            await SignInAsync(context, (await ReadFormAsync(request).ConfigureAwait(false))["token"].ToString(), AdminPages.OverviewPath).ConfigureAwait(false);
        }
        else if (!isPost && request.Query["token"].ToString() is { Length: > 0 } token)
        {
            await SignInAsync(context, token, path.Length == 0 ? AdminPages.OverviewPath : path).ConfigureAwait(false);
        }
        else if (!_guard.MaySeePages(request, CookieName(request)))
        {
            await AskForTokenAsync(context, isWrong: false).ConfigureAwait(false);
        }
        else if (path.Length == 0)
        {
            Redirect(context, AdminPages.OverviewPath);
        }
        else
        {
            await AnswerInTurnAsync(context, server, path, isPost).ConfigureAwait(false);
        }
    }

    private async Task AnswerInTurnAsync(HttpContext context, PostgresServer? server, string path, bool isPost)
    {
        var form = isPost ? await ReadFormAsync(context.Request).ConfigureAwait(false) : null;
        if (!await _turn.WaitAsync(s_patience, context.RequestAborted).ConfigureAwait(false))
        {
            await Answer.SayAsync(context, StatusCodes.Status503ServiceUnavailable, "others are asking: try again").ConfigureAwait(false);
            return;
        }

        try
        {
            if (form is null)
            {
                await ShowAsync(context, await _pages.ReadAsync(path, context.Request.Query, server).ConfigureAwait(false)).ConfigureAwait(false);
            }
            else
            {
                await ChangeAsync(context, server, path, form).ConfigureAwait(false);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task ChangeAsync(HttpContext context, PostgresServer? server, string path, IFormCollection form)
    {
        if (!_isAdmin || !_guard.IsFormToken(form["form"].ToString()))
        {
            await Answer.SayAsync(context, StatusCodes.Status403Forbidden, _isAdmin ? "the page is from before the server's start: open it again" : "this page changes nothing: start the server with --admin")
                .ConfigureAwait(false);
        }
        else if (server is null)
        {
            await Answer.SayAsync(context, StatusCodes.Status503ServiceUnavailable, "the server is starting").ConfigureAwait(false);
        }
        else if (path == AdminPages.SessionsPath)
        {
            Redirect(context, $"{path}?did={await AdminActions.EndAsync(server, form).ConfigureAwait(false)}");
        }
        else if (path == AdminPages.SqlPath && await _pages.ReadAsync(path, new QueryCollection(new Dictionary<string, Microsoft.Extensions.Primitives.StringValues> { ["database"] = form["database"] }), server)
            .ConfigureAwait(false) is { } page)
        {
            string sql = form["sql"].ToString();
            var result = await AdminActions.RunAsync(server, page.Database, sql).ConfigureAwait(false);
            await ShowAsync(context, page with { Text = sql, Sections = [("Result", result)] }).ConfigureAwait(false);
        }
        else
        {
            await ShowAsync(context, null).ConfigureAwait(false);
        }
    }

    private async Task ShowAsync(HttpContext context, AdminPage? page)
    {
        if (page is null)
        {
            await Answer.SayAsync(context, StatusCodes.Status404NotFound, "there is no such page").ConfigureAwait(false);
            return;
        }

        await Answer.WriteAsync(context, StatusCodes.Status200OK, "text/html; charset=utf-8", await _pages.RenderAsync(page).ConfigureAwait(false)).ConfigureAwait(false);
    }

    private async Task SignInAsync(HttpContext context, string token, string next)
    {
        if (!_guard.IsToken(token))
        {
            await AskForTokenAsync(context, isWrong: true).ConfigureAwait(false);
            return;
        }

        context.Response.Cookies.Append(CookieName(context.Request), _guard.Cookie, new CookieOptions { HttpOnly = true, SameSite = SameSiteMode.Strict, Path = "/", IsEssential = true });
        Redirect(context, next);
    }

    private async Task AskForTokenAsync(HttpContext context, bool isWrong) =>
        await Answer.WriteAsync(context, StatusCodes.Status401Unauthorized, "text/html; charset=utf-8", await _pages.RenderLoginAsync(isWrong).ConfigureAwait(false)).ConfigureAwait(false);

    private static void Redirect(HttpContext context, string path)
    {
        context.Response.StatusCode = StatusCodes.Status303SeeOther;
        context.Response.Headers.Location = path;
        context.Response.Headers.CacheControl = "no-store";
    }

    // A browser sends the cookies of one port of a host to all of them.
    private static string CookieName(HttpRequest request) => $"pocketgres-{request.Host.Port ?? 80}";

    private static async Task<IFormCollection> ReadFormAsync(HttpRequest request) =>
        request.HasFormContentType ? await request.ReadFormAsync(request.HttpContext.RequestAborted).ConfigureAwait(false) : FormCollection.Empty;

    private static (string Type, string Text)? AssetOf(string path) => path switch
    {
        "/admin/style.css" => ("text/css; charset=utf-8", s_style.Value),
        "/admin/page.js" => ("text/javascript; charset=utf-8", s_script.Value),
        _ => null,
    };

    private static readonly Lazy<string> s_style = new(() => Resource("style.css"));
    private static readonly Lazy<string> s_script = new(() => Resource("page.js"));

    private static string Resource(string name)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!, Encoding.UTF8);
        return reader.ReadToEnd();
    }
}
