using System.Text;
using Microsoft.Extensions.Logging;
using Pocketgres.Engine;
using Pocketgres.Server;
using Pocketgres.Server.Hosting;
using Pocketgres.Server.Sleeping;
using Pocketgres.Server.Watching;

namespace Pocketgres.Cli.Serve;

/// <summary>Runs <c>serve</c> from start to exit code.</summary>
internal sealed class ServeRunner : IDisposable
{
    // A parent that is gone cannot send a second signal.
    private static readonly TimeSpan s_orphanPatience = TimeSpan.FromSeconds(10);

    private readonly ServeSettings _settings;
    private readonly StandardErrorLogger _log;
    private readonly CancellationTokenSource _stopDuringStart = new();
    private readonly Lock _lock = new();
    private Func<ShutdownMode, Task>? _stopServer; // once it runs
    private Action? _reloadServer, _lookForPromotion;
    private bool _promotionIsDue;
    private ShutdownMode? _stopMode;

    private ServeRunner(ServeSettings settings)
    {
        _settings = settings;
        _log = new StandardErrorLogger(settings.LogLevel, StandardStreams.WriteError, settings.LogIsJson);
    }

    /// <summary>Serves until stopped; returns the exit code.</summary>
    public static int Run(ServeSettings settings)
    {
        using var runner = new ServeRunner(settings);
        return runner.RunToEnd();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _log.Dispose();
        _stopDuringStart.Dispose();
    }

    private int RunToEnd()
    {
        try
        {
            return RunAsync().GetAwaiter().GetResult();
        }
        catch (ClusterException e)
        {
            return Fail(e, CommandFailure.CodeOf(e.Error));
        }
        catch (Exception e) when (CommandFailure.CodeOfBucket(e) is { } code)
        {
            return Fail(e, code);
        }
        catch (OperationCanceledException) when (_stopDuringStart.IsCancellationRequested)
        {
            return ExitCode.Success;
        }
        catch (Exception e) when (e is ServerException or EngineFilesException)
        {
            return Fail(e, ExitCode.ServerFailed);
        }
#pragma warning disable CA1031 // The last catch of the process: a user gets one line and an exit code, not a dump.
        catch (Exception e)
#pragma warning restore CA1031
        {
            return Fail(e, ExitCode.ServerFailed, $"internal error: {e.GetType().Name}: {e.Message} (--log-level debug shows where)");
        }
    }

    private async Task<int> RunAsync()
    {
        bool isRoot = RootCheck.IsRoot;
        if (isRoot && !_settings.AllowRoot && !RootCheck.IsAllowed)
        {
            return Program.Fail(RootCheck.Refusal, ExitCode.ServerFailed);
        }

        using var signals = new StopSignals(Stop, Reload, LookForPromotion);
        using var parent = _settings.ParentPid is { } pid ? ProcessWatch.Start(pid) : null;
        if (parent is not null)
        {
            _ = StopWithParentAsync(parent);
        }

        var http = _settings.Http is { } settings ? await WebFramework.OpenAsync(settings, _log).ConfigureAwait(false) : null;
        try
        {
            return await ServeAsync(http, isRoot).ConfigureAwait(false);
        }
        finally
        {
            if (http is not null)
            {
                await http.DisposeAsync().ConfigureAwait(false);
            }
        }
    }

    private async Task<int> ServeAsync(WebFramework? http, bool isRoot)
    {
        if (_settings.Hosting is { } hosting)
        {
            return await HostAsync(http, hosting).ConfigureAwait(false);
        }

        if (SleepingServer.IsMeant(_settings.Server.Url))
        {
            return await ServeSleepingAsync(isRoot).ConfigureAwait(false);
        }

        var server = await PostgresServer.StartAsync(_settings.Server with { Logger = http?.Log ?? _log, BucketStep = TestHooks.BucketStep() }, _stopDuringStart.Token).ConfigureAwait(false);
        if (MayServe(mode => server.StopAsync(mode), server.Reload, server.LookForPromotion))
        {
            string authentication = isRoot ? server.ReadAuthentication() : "";
            http?.Attach(server);
            TestHooks.StartIfAsked(server);
            SayReady(ReadyLine.Of(server, http), server.ConnectionUrl);
            WarnRoot(isRoot, authentication); // nobody need wait for it
        }

        int exitCode = await server.Completion.ConfigureAwait(false);
        return server.BucketError is { } error ? Fail(error, CommandFailure.CodeOfBucket(error) ?? ExitCode.ServerFailed) : Conclude(server.StopRequested || server.SleepRequested, exitCode);
    }

    // Of its own, so that others do not load what it needs.
    private async Task<int> ServeSleepingAsync(bool isRoot)
    {
        var server = await SleepingServer.StartAsync(_settings.Server with { Logger = _log, BucketStep = TestHooks.BucketStep() }, _stopDuringStart.Token).ConfigureAwait(false);
        await using (server.ConfigureAwait(false))
        {
            if (MayServe(mode => server.StopAsync(mode), server.Reload))
            {
                WarnRoot(isRoot, server.Authentication);
                SayReady(ReadyLine.Format(server.Port, server.ConnectionUrl, server.UnixSocketDirectory, server.DataDirectory), server.ConnectionUrl);
            }

            int exitCode = await server.Completion.ConfigureAwait(false);
            return server.Error is { } error ? Fail(error, CommandFailure.CodeOfBucket(error) ?? ExitCode.ServerFailed) : Conclude(exitCode == 0, exitCode);
        }
    }

    private async Task<int> HostAsync(WebFramework? http, HostOptions options)
    {
        var host = ClusterHost.Start(options with { Server = options.Server with { Logger = http?.Log ?? _log } });
        await using (host.ConfigureAwait(false))
        {
            if (MayServe(mode => host.StopAsync(mode), host.Reload))
            {
                http?.AttachHost(host.ReadMetrics);
                SayReady(ReadyLine.Format(host.Port, host.ConnectionUrl, options.Server.UnixSocketDirectory, "", http?.Port, http is null ? null : ""), host.ConnectionUrl);
            }

            return Conclude(asked: true, await host.Completion.ConfigureAwait(false));
        }
    }

    // False when a stop was asked for while it started, which is done then.
    private bool MayServe(Func<ShutdownMode, Task> stop, Action reload, Action? lookForPromotion = null)
    {
        ShutdownMode? stopMode;
        bool promotionIsDue;
        lock (_lock)
        {
            promotionIsDue = _promotionIsDue;
            _stopServer = stop;
            _reloadServer = reload;
            _lookForPromotion = lookForPromotion;
            stopMode = _stopMode;
        }

        if (stopMode is { } mode)
        {
            _ = stop(mode);
        }
        else if (promotionIsDue)
        {
            lookForPromotion?.Invoke();
        }

        return stopMode is null;
    }

    private void WarnRoot(bool isRoot, string authentication)
    {
        if (isRoot && RootCheck.WhoGetsIn(authentication, _settings) is { } who)
        {
            _log.Write(LogLevel.Warning, $"running as root: {who} gets in without a password, and may run programs as root: another user for the server, or pg_hba.conf, is safer");
        }
    }

    private void SayReady(string line, string url)
    {
        StandardStreams.WriteOutput(line);
        ServiceManager.Ready();
        _log.Write(LogLevel.Information, $"PostgreSQL {EngineFiles.Default.PostgresVersion} is ready: {url} ({_settings.Server.Url}); SIGINT or Ctrl+C stops it");
    }

    private int Conclude(bool asked, int exitCode)
    {
        ShutdownMode? mode;
        lock (_lock)
        {
            mode = _stopMode;
        }

        // After an immediate shutdown the postmaster exits with 1, as asked: the next start recovers.
        if (asked && (exitCode == 0 || mode == ShutdownMode.Immediate))
        {
            return ExitCode.Success;
        }

        _log.Dispose();
        return Report(
            asked ? $"the server did not stop cleanly (exit code {exitCode}): its log says why; the next start recovers"
                : $"the server ended by itself (exit code {exitCode}): its log says why; start it again",
            ExitCode.ServerFailed);
    }

    private void Stop(ShutdownMode mode)
    {
        Func<ShutdownMode, Task>? stop;
        lock (_lock)
        {
            // An immediate shutdown is not taken back by a softer wish.
            mode = _stopMode == ShutdownMode.Immediate ? ShutdownMode.Immediate : mode;
            _stopMode = mode;
            stop = _stopServer;
        }

        ServiceManager.Stopping();
        if (stop is not null)
        {
            _log.Write(LogLevel.Information, mode == ShutdownMode.Immediate ? "stopping at once" : "stopping");
            _ = stop(mode);
        }
        else
        {
            _stopDuringStart.Cancel();
        }
    }

    private void Reload()
    {
        Action? reload;
        lock (_lock)
        {
            reload = _reloadServer;
        }

        reload?.Invoke();
    }

    private void LookForPromotion()
    {
        Action? look;
        lock (_lock)
        {
            look = _lookForPromotion;
            _promotionIsDue |= look is null; // it still starts
        }

        look?.Invoke();
    }

    private async Task StopWithParentAsync(ProcessWatch parent)
    {
        try
        {
            await parent.Ended.ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return;
        }

        _log.Write(LogLevel.Information, $"process {_settings.ParentPid} (--parent-pid) has ended");
        Stop(ShutdownMode.Fast);
        await Task.Delay(s_orphanPatience).ConfigureAwait(false);
        Stop(ShutdownMode.Immediate);
    }

    private int Fail(Exception exception, int exitCode, string? message = null)
    {
        _log.Dispose(); // what led to it comes first
        if (_settings.LogLevel <= LogLevel.Debug)
        {
            StandardStreams.WriteError(exception + "\n");
        }

        return Report(message ?? exception.Message, exitCode);
    }

    private int Report(string message, int exitCode)
    {
        if (!_settings.LogIsJson)
        {
            return Program.Fail(message, exitCode);
        }

        var line = new StringBuilder();
        LogFormat.AppendJson(line, new LogLine(DateTime.UtcNow, LogLevel.Error, null, $"{Program.Name}: {Program.OneLine(message)}"));
        StandardStreams.WriteError(line.ToString());
        return exitCode;
    }
}
