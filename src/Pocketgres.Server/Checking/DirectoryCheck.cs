using System.Globalization;
using Pocketgres.Engine;
using Pocketgres.Engine.Checking;
using Pocketgres.Engine.Data;

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
        var files = ClusterCheck.Run(directory.Files, live: null, cancellationToken);
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
            return await RunAsync(overlay, directory.Files, directory.Files.ReadControlFile(), files, options, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            overlay.Free();
        }
    }

    /// <summary>Removes what checks that were killed have left in the temporary directory.</summary>
    public static void RemoveLeftovers() => PrivateDirectory.RemoveLeftovers();

    private static async Task<DirectoryCheckReport> RunAsync(
        ClusterOverlay overlay, DirectoryView directory, ControlFile control, CheckReport files, DirectoryCheckOptions options, CancellationToken cancellationToken)
    {
        var findings = new RowFindings(options.Found);
        bool recovers = !files.CleanlyStopped || files.IsUnrestoredBackup, recovered = false;
        bool judgeAgain = recovers || files.ProblemCount > 0;
        if (!judgeAgain)
        {
            Tell(options, files);
        }

        options.Checking?.Invoke(files.ProblemCount == 0
            ? "the start of a server on the directory"
            : string.Create(CultureInfo.InvariantCulture, $"the start of a server on the directory, in whose files are {files.ProblemCount} problems ({files.Problems[0]})"));
        List<PreparedDatabase> databases = [];
        LiveFiles? live = null;
        var server = await CheckServer.TryStartAsync(overlay, control, readOnly: false, findings, cancellationToken).ConfigureAwait(false);
        if (server is not null)
        {
            await using (server.ConfigureAwait(false))
            {
                var preparation = new RowCheckPreparation(server, findings, listFiles: files.ProblemCount > 0);
                databases = await preparation.RunAsync(control.MinimumRecoveryPoint, cancellationToken).ConfigureAwait(false);
                live = preparation.Files;
                await CheckWritableAsync(server, databases, findings, options, cancellationToken).ConfigureAwait(false);
                recovered = await server.TryStopAsync(s_stopPatience).ConfigureAwait(false) && recovers;
            }
        }

        if (recovered)
        {
            // What the log repairs is no damage, and what it does not is.
            files = ClusterCheck.Run(overlay.View(), live, cancellationToken) with
            {
                CleanlyStopped = files.CleanlyStopped,
                IsUnrestoredBackup = files.IsUnrestoredBackup,
            };
        }
        else if (files.ProblemCount > 0 && live is not null)
        {
            files = ClusterCheck.Run(directory, live, cancellationToken);
        }

        if (judgeAgain)
        {
            Tell(options, files);
        }

        server = databases.Count == 0 || options.Parents ? null : await CheckServer.TryStartAsync(overlay, control, readOnly: true, findings, cancellationToken).ConfigureAwait(false);
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
    private static async Task CheckWritableAsync(
        CheckServer server, List<PreparedDatabase> databases, RowFindings findings, DirectoryCheckOptions options, CancellationToken cancellationToken)
    {
        var check = new RowCheck(server, findings, options);
        await check.RunAsync(databases, unlogged: true, cancellationToken).ConfigureAwait(false);
        if (options.Parents)
        {
            // It takes locks that a server in recovery does not give.
            await check.RunAsync(databases, unlogged: false, cancellationToken).ConfigureAwait(false);
        }
    }

    private static void Tell(DirectoryCheckOptions options, CheckReport files)
    {
        foreach (string problem in files.Problems)
        {
            options.Found?.Invoke(problem);
        }

        foreach (string note in files.Notes)
        {
            options.Found?.Invoke(DirectoryCheckReport.Note + note);
        }
    }
}
