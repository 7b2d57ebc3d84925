using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Pocketgres.Cli.Serve;
using Pocketgres.Directories;

namespace Pocketgres.Cli.NativeDirectories;

/// <summary>Copies a data directory for a command: progress, notes and errors go to stderr.</summary>
internal static class MoveRun
{
    /// <summary>Does it, and then what the command does when it is done.</summary>
    /// <returns>The exit code.</returns>
    public static int Run(string from, string to, MoveOptions options, Action done) => CommandFailure.Guard(cancellationToken =>
    {
        // What the copy's server says matters when it is the reason of a failure.
        var said = new StringBuilder();
        IReadOnlyList<string> notes;
        try
        {
            using var line = new ProgressLine();
            using var log = new StandardErrorLogger(LogLevel.Error, text => said.Append(text));
            notes = DirectoryMove.Run(from, to, options with { Logger = log, Progress = line.For<DirectoryProgress>(Text) }, cancellationToken);
        }
        catch (Exception) when (!cancellationToken.IsCancellationRequested)
        {
            StandardStreams.WriteError(said.ToString());
            throw;
        }

        foreach (string note in notes)
        {
            StandardStreams.WriteError($"pocketgres: {note}\n");
        }

        done();
        return Task.FromResult(ExitCode.Success);
    });

    private static string Text(DirectoryProgress progress) => progress.Phase switch
    {
        DirectoryPhase.Copying => string.Create(CultureInfo.InvariantCulture, $"copied {progress.Bytes / 1e6:0.0} MB"),
        DirectoryPhase.Packing => string.Create(CultureInfo.InvariantCulture, $"packed {progress.Bytes / 1e6:0.0} MB"),
        DirectoryPhase.Converting => $"converting the stored expressions of {progress.Name}",
        _ => $"building anew {progress.Name}",
    };
}
