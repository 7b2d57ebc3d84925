using System.Globalization;
using Pocketgres.Cli.Targets;
using Pocketgres.Copying;
using Pocketgres.Server;

namespace Pocketgres.Cli.Copy;

/// <summary><c>copy --live</c>: a database that is written meanwhile.</summary>
internal static class LiveCopyRun
{
    /// <summary>Refuses URLs between which nothing can be followed.</summary>
    /// <exception cref="UsageException">They are such.</exception>
    public static void RefuseUnlessLive(string from, string to)
    {
        if (!ConnectionUri.Matches(from))
        {
            throw new UsageException($"--live follows a server that others write to, and nobody else has {from} open: copy it without --live, or pocketgres serve it and give the postgres:// URL");
        }

        if (!ConnectionUri.Matches(to) && PostgresUrl.Parse(to).IsMemory)
        {
            throw new UsageException("--live into memory: would be gone at the end: give another TO");
        }
    }

    /// <summary>Copies, follows, and cuts over when that is asked for.</summary>
    public static async Task<int> RunAsync(TargetRequest from, TargetRequest to, DatabaseCopyOptions options, string? sourceUrl, bool cutOver, CancellationToken cancellationToken)
    {
        await using var source = await DatabaseTarget.OpenAsync(from, cancellationToken);
        await using var target = await CopyCommand.OpenTargetAsync(to, source, cancellationToken);
        using var progress = new ProgressLine();
        var live = new LiveCopyOptions { Copy = options, SourceAtTarget = sourceUrl ?? Named(source), CutOver = cutOver };
        LiveCopyReport report;
        bool isFollowing = false;
        try
        {
            report = await LiveCopy.RunAsync(
                source.DedicatedConnectionString, target.DedicatedConnectionString, live,
                progress.For<DatabaseCopyProgress>(p =>
                {
                    isFollowing |= p.Done == 1;
                    return string.Create(CultureInfo.InvariantCulture, $"{p.Done * 100:0} % {p.What}");
                }),
                time =>
                {
                    progress.Clear();
                    StandardStreams.WriteOutput(string.Create(CultureInfo.InvariantCulture,
                        $"cut over: the target may be written, the source is read-only; nobody could write for {time.TotalSeconds:0.0} s\n"));
                }, cancellationToken);
        }
        catch (OperationCanceledException) when (isFollowing)
        {
            progress.Clear();
            StandardStreams.WriteError("pocketgres: the servers go on without this command: give it again to go on, with --cut-over to end, or --abandon; until then the source keeps its log for the target\n");
            throw;
        }

        progress.Clear();
        StandardStreams.WriteOutput(string.Create(CultureInfo.InvariantCulture, $"{report.Tables} tables with {report.Rows} rows: counts and checksums are equal\n"));
        foreach (string line in report.LeftBehind)
        {
            StandardStreams.WriteError($"pocketgres: not copied: {line}\n");
        }

        return ExitCode.Success;
    }

    /// <summary>Removes what follows the source.</summary>
    public static async Task<int> AbandonAsync(TargetRequest from, TargetRequest to, CancellationToken cancellationToken)
    {
        await using var source = await DatabaseTarget.OpenAsync(from, cancellationToken);
        await using var target = await CopyCommand.OpenTargetAsync(to, source, cancellationToken);
        bool found = await LiveCopy.AbandonAsync(source.DedicatedConnectionString, target.DedicatedConnectionString, cancellationToken);
        StandardStreams.WriteOutput(found ? "the target does not follow the source any more; its rows stay\n" : "there was no live copy between them\n");
        return ExitCode.Success;
    }

    // With the user and the database that libpq takes from its environment otherwise, which is another one there. The last of two counts.
    private static string Named(DatabaseTarget source) =>
        $"{source.Url}{(source.Url.Contains('?', StringComparison.Ordinal) ? '&' : '?')}user={Uri.EscapeDataString(source.Connection.Username!)}&dbname={Uri.EscapeDataString(source.Connection.Database!)}";
}
