using System.Globalization;
using System.Text.Json;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Cli;

/// <summary>The admin page as a person sees it. Screenshots: artifacts/test-logs/admin-*.png.</summary>
public sealed class AdminBrowserTests
{
    const string Evil = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'";

    [BrowserFact]
    public async Task A_blocked_session_appears_with_its_blocker_and_a_click_ends_it()
    {
        await using CliServer server = await CliServer.StartAsync(["serve", "memory:", "--port", "0", "--http", "0", "--admin"]);
        string url = JsonDocument.Parse(server.ReadyLine).RootElement.GetProperty("adminUrl").GetString()!, root = new Uri(url).GetLeftPart(UriPartial.Authority);
        await using NpgsqlConnection waiter = await server.OpenAsync(), holder = await server.OpenAsync(); // closed in the other order: a failure leaves nobody waiting
        await using Browser browser = await Browser.StartAsync(Workspace.Browser!);
        await browser.GoAsync(url);
        await browser.UntilAsync("document.title.startsWith('Overview') && !location.search && document.querySelector('nav a[aria-current=page]')", "signed in");
        await browser.GoAsync(root + "/admin/sessions");
        await browser.UntilAsync($"document.body.innerText.includes('{holder.ProcessID}')", "the sessions");

        // From here on the page is not loaded again: it follows by itself.
        await browser.EvaluateAsync("window.isTheSame = true");
        await holder.ExecuteAsync($"create table t (\"{Evil.Replace("\"", "\"\"", StringComparison.Ordinal)}\" int)");
        await holder.ExecuteAsync("begin; lock table t");
        await using NpgsqlConnection witness = await server.OpenAsync();
        Task wait = waiter.ExecuteAsync($"select \"{Evil.Replace("\"", "\"\"", StringComparison.Ordinal)}\" from t");
        await Wait.UntilAsync(async () => await witness.ScalarAsync<bool>($"select wait_event_type = 'Lock' from pg_stat_activity where pid = {waiter.ProcessID}"), "it waits");
        await browser.UntilAsync($"[...document.querySelectorAll('.tree > li > span b')].some(b => b.innerText == '{holder.ProcessID}') && [...document.querySelectorAll('.tree ul b')].some(b => b.innerText == '{waiter.ProcessID}')",
            "the tree of locks");
        Assert.Equal("true", await browser.EvaluateAsync("window.isTheSame && document.querySelector('.tree ul code').innerText.includes('<script>alert(1)') && document.querySelectorAll('main img, main script').length == 0"));
        foreach ((int width, bool isDark) in ((int, bool)[])[(1280, false), (1280, true), (400, false), (400, true)])
        {
            await LookAsync(browser, "sessions", width, isDark);
        }

        // By keyboard: focus stays where it is while the page is read again.
        await browser.EvaluateAsync($"document.getElementById('end-tree-{holder.ProcessID}').focus()");
        await browser.EvaluateAsync("document.querySelector('main').firstChild.wasHere = true");
        await browser.UntilAsync("!document.querySelector('main').firstChild.wasHere", "it was read again");
        Assert.Equal($"end-tree-{holder.ProcessID}", await browser.EvaluateAsync("document.activeElement.id"));
        await browser.EvaluateAsync("document.activeElement.click()");
        await Wait.ForAsync(wait, "the wait is over");
        await browser.UntilAsync("document.body.innerText.includes('The session was ended') && !document.querySelector('.tree')", "the page says so");

        foreach (string path in (string[])["/admin", "/admin/tables", "/admin/changes", "/admin/settings?q=wal", "/admin/log", "/admin/sql"])
        {
            await browser.GoAsync(root + path);
            await browser.UntilAsync($"location.href.endsWith('{path}') && document.readyState == 'complete' && document.querySelector('h1')", path);
            await LookAsync(browser, path.Split('?')[0][1..].Replace('/', '-'), 400, isDark: false);
        }

        Assert.Empty(browser.Complaints);
    }

    static async Task LookAsync(Browser browser, string name, int width, bool isDark)
    {
        await browser.LookAsync(width, isDark);
        Assert.True(int.Parse(await browser.EvaluateAsync("document.documentElement.scrollWidth"), CultureInfo.InvariantCulture) <= width, $"{name} is wider than {width}");
        await browser.ScreenshotAsync(Path.Combine(Directory.CreateDirectory(Path.Combine(Workspace.Artifacts, "test-logs")).FullName, $"admin-{name}-{width}{(isDark ? "-dark" : "")}.png"));
    }
}

/// <summary>A test in Chromium, which is only installed when asked for.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class BrowserFactAttribute : FactAttribute
{
    public BrowserFactAttribute()
    {
        if (Workspace.Browser is null)
        {
            Skip = "needs Chromium: eng/operators-tools.sh browser";
        }
    }
}
