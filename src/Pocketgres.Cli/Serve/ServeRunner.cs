using System.Text;
using Microsoft.Extensions.Logging;
using Pocketgres.Bucket;
using Pocketgres.Engine;
using Pocketgres.Server;
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
    private PostgresServer? _server;
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
        catch (BucketException e)
        {
            return Fail(e, CommandFailure.CodeOf(e.Error));
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

        using var signals = new StopSignals(Stop, Reload);
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
        var server = await PostgresServer.StartAsync(_settings.Server with { Logger = http?.Log ?? _log, ImageStep = TestHooks.ImageStep() }, _stopDuringStart.Token).ConfigureAwait(false);
        ShutdownMode? stopMode;
        lock (_lock)
        {
            _server = server;
            stopMode = _stopMode;
        }

        if (stopMode is { } mode)
        {
            _ = server.StopAsync(mode);
        }
        else
        {
            if (isRoot && RootCheck.WhoGetsIn(server.ReadAuthentication(), _settings) is { } who)
            {
                _log.Write(LogLevel.Warning, $"running as root: {who} gets in without a password, and may run programs as root: another user for the server, or pg_hba.conf, is safer");
            }

            http?.Attach(server);
            TestHooks.StartIfAsked(server);
            StandardStreams.WriteOutput(ReadyLine.Of(server, http));
            ServiceManager.Ready();
            _log.Write(LogLevel.Information,
                $"PostgreSQL {EngineFiles.Default.PostgresVersion} is ready: {server.ConnectionUrl} ({_settings.Server.Url}); SIGINT or Ctrl+C stops it");
        }

        int exitCode = await server.Completion.ConfigureAwait(false);
        return server.BucketError is { } error ? Fail(error, CommandFailure.CodeOf(error.Error)) : Conclude(server.StopRequested, exitCode);
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
        PostgresServer? server;
        lock (_lock)
        {
            // An immediate shutdown is not taken back by a softer wish.
            mode = _stopMode == ShutdownMode.Immediate ? ShutdownMode.Immediate : mode;
            _stopMode = mode;
            server = _server;
        }

        ServiceManager.Stopping();
        if (server is not null)
        {
            _log.Write(LogLevel.Information, mode == ShutdownMode.Immediate ? "stopping at once" : "stopping");
            _ = server.StopAsync(mode);
        }
        else
        {
            _stopDuringStart.Cancel();
        }
    }

    private void Reload()
    {
        PostgresServer? server;
        lock (_lock)
        {
            server = _server;
        }

        server?.Reload();
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
