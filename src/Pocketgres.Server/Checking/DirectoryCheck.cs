using Pocketgres.Engine;
using Pocketgres.Engine.Checking;

namespace Pocketgres.Server.Checking;

/// <summary>
/// Checks a data directory that is not being served, all of it: the files (<see cref="ClusterCheck"/>), and with PostgreSQL's amcheck what is in them. For
/// that a server runs on the directory with all it writes, recovery included, kept in memory: the directory is only read.
/// </summary>
public static class DirectoryCheck
{
    private static readonly TimeSpan s_stopPatience = TimeSpan.FromMinutes(10);

    /// <summary>Runs the check.</summary>
    /// <param name="dataDirectory">The data directory.</param>
    /// <param name="options">What to check.</param>
    /// <param name="cancellationToken">Ends the check.</param>
    /// <exception cref="ClusterException">It is no data directory of this engine, it cannot be read, or a server has it open.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; nothing is left behind.</exception>
    public static async Task<DirectoryCheckReport> RunAsync(string dataDirectory, DirectoryCheckOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        using var directory = StoppedDirectory.Open(dataDirectory);
        var files = ClusterCheck.Run(directory.Files, cancellationToken);
        if (!options.Rows || !files.HasControlFile)
        {
            Tell(options, files);
            return new DirectoryCheckReport(files.Verdict, files, Recovered: false, Rows: null);
        }

        ClusterOverlay overlay;
        try
        {
            overlay = new ClusterOverlay(directory.Path);
        }
        catch (IOException e)
        {
            throw StoppedDirectory.Unreadable(directory.Path, e);
        }

        try
        {
            return await RunAsync(overlay, directory.Files.ReadControlFile().MinimumRecoveryPoint, files, options, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            overlay.Free();
        }
    }

    /// <summary>Removes what checks that were killed have left in the temporary directory.</summary>
    public static void RemoveLeftovers() => PrivateDirectory.RemoveLeftovers();

    private static async Task<DirectoryCheckReport> RunAsync(
        ClusterOverlay overlay, ulong newestPage, CheckReport files, DirectoryCheckOptions options, CancellationToken cancellationToken)
    {
        var findings = new RowFindings(options.Found);
        bool recovers = !files.CleanlyStopped || files.IsUnrestoredBackup, recovered = false;
        if (!recovers)
        {
            Tell(options, files);
        }

        options.Checking?.Invoke("the start of a server on the directory");
        List<PreparedDatabase> databases = [];
        var server = await CheckServer.TryStartAsync(overlay, readOnly: false, findings, cancellationToken).ConfigureAwait(false);
        if (server is not null)
        {
            await using (server.ConfigureAwait(false))
            {
                databases = await PrepareAsync(server, newestPage, findings, options, cancellationToken).ConfigureAwait(false);
                recovered = await server.TryStopAsync(s_stopPatience).ConfigureAwait(false) && recovers;
            }
        }

        if (recovered)
        {
            // What the log repairs is no damage, and what it does not is.
            files = ClusterCheck.Run(overlay.View(), cancellationToken) with
            {
                CleanlyStopped = files.CleanlyStopped,
                IsUnrestoredBackup = files.IsUnrestoredBackup,
            };
        }

        if (recovers)
        {
            Tell(options, files);
        }

        server = databases.Count == 0 || options.Parents ? null : await CheckServer.TryStartAsync(overlay, readOnly: true, findings, cancellationToken).ConfigureAwait(false);
        if (server is not null)
        {
            await using (server.ConfigureAwait(false))
            {
                await new RowCheck(server, findings, options).RunAsync(databases, unlogged: false, cancellationToken).ConfigureAwait(false);
            }
        }

        var rows = findings.Report;
        var verdict = rows.DamageCount > 0 || files.Verdict == CheckVerdict.Damaged ? CheckVerdict.Damaged
            : rows.Unchecked.Count > 0 ? CheckVerdict.Undecided
            : files.Verdict;
        return new DirectoryCheckReport(verdict, files, recovered, rows);
    }

    // What only a server that may write can check. The rest is for one that does not: hint bits of all pages would take as much memory.
    private static async Task<List<PreparedDatabase>> PrepareAsync(
        CheckServer server, ulong newestPage, RowFindings findings, DirectoryCheckOptions options, CancellationToken cancellationToken)
    {
        var databases = await new RowCheckPreparation(server, findings).RunAsync(newestPage, cancellationToken).ConfigureAwait(false);
        var check = new RowCheck(server, findings, options);
        await check.RunAsync(databases, unlogged: true, cancellationToken).ConfigureAwait(false);
        if (options.Parents)
        {
            // It takes locks that a server in recovery does not give.
            await check.RunAsync(databases, unlogged: false, cancellationToken).ConfigureAwait(false);
        }

        return databases;
    }

    private static void Tell(DirectoryCheckOptions options, CheckReport files)
    {
        foreach (string problem in files.Problems)
        {
            options.Found?.Invoke(problem);
        }
    }
}
