using System.CommandLine;
using System.Globalization;
using Pocketgres.Cli.Targets;
using Pocketgres.Copying;
using Pocketgres.Engine.Data;
using Pocketgres.Server;

namespace Pocketgres.Cli.Copy;

/// <summary><c>copy FROM TO</c>: one database into another, of any two rungs and servers.</summary>
internal sealed class CopyCommand : ISubcommand
{
    private readonly Argument<string> _from = new("FROM") { Description = "postgres://... or file:DIR: the source, which is only read." };
    private readonly Argument<string> _to = new("TO") { Description = "postgres://..., file:DIR (made if missing), s3://..., az://... or memory: (to try whether it can be copied)." };
    private readonly Option<string?> _fromDatabase = Text("--from-database", "NAME", "The database at the source (default postgres, or the one of the postgres:// URL).");
    private readonly Option<string?> _database = Text("--database", "NAME", "The database at the target, created if missing (default: the name of the source's).");
    private readonly Option<bool> _replace = new("--replace") { Description = "Remove all that is in the target's database first." };
    private readonly Option<bool> _owners = new("--owners") { Description = "Keep owners and grants; the target must have the roles." };
    private readonly Option<string?> _jobs = Text("--jobs", "N", "Tables copied at the same time (default 2).");
    private readonly Option<string?> _pgDump = Text("--pg-dump", "PATH", "The program pg_dump (default: that of this program; of a newer source, or over TLS, one in PATH or where Debian has it).");

    private readonly Option<bool> _live = new("--live") { Description = "Follow FROM, a server that others write to, after the copy: until it is interrupted, or cut over." };
    private readonly Option<bool> _cutOver = new("--cut-over") { Description = "With --live: when TO has all that FROM has, let nobody write to FROM any more, pass on the last changes, and end." };
    private readonly Option<bool> _abandon = new("--abandon") { Description = "End a live copy that is not to be cut over: what follows FROM is removed on both sides, TO keeps its rows." };
    private readonly Option<string?> _sourceUrl = Text("--source-url", "URL", "With --live: FROM as TO's server reaches it, when that is another URL.");

    public CopyCommand() => Command = new Command("copy",
        "Copy a database into an empty one: the schema by pg_dump, the rows by COPY in parallel from one snapshot, both sides counted and their checksums\n" +
        "compared. What is not copied is named. A copy that fails or is interrupted leaves the target empty, or says that it could not. Exit codes: 0 copied and\n" +
        "equal; 1 not copied; 2 to 5 as with serve; 130, 143 interrupted. A live copy goes on when the same command is given again.")
    {
        _from, _to, _fromDatabase, _database, _replace, _owners, _jobs, _pgDump, _live, _cutOver, _abandon, _sourceUrl,
    };

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        int jobs = 2;
        if (result.GetValue(_jobs) is { } text && !(int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out jobs) && jobs is >= 1 and <= 64))
        {
            throw new UsageException($"--jobs takes a number from 1 to 64, not \"{text}\"");
        }

        var options = new DatabaseCopyOptions { Replace = result.GetValue(_replace), Owners = result.GetValue(_owners), Jobs = jobs, PgDump = result.GetValue(_pgDump) };
        var from = new TargetRequest { Url = result.GetValue(_from)!, MustExist = true, Database = result.GetValue(_fromDatabase) };
        var to = new TargetRequest { Url = result.GetValue(_to)!, Database = result.GetValue(_database) };
        bool live = result.GetValue(_live);
        if (result.GetValue(_abandon))
        {
            LiveCopyRun.RefuseUnlessLive(from.Url, to.Url);
            return CommandFailure.Guard(cancellationToken => LiveCopyRun.AbandonAsync(from, to, cancellationToken));
        }

        if (!live && (result.GetValue(_cutOver) || result.GetValue(_sourceUrl) is not null))
        {
            throw new UsageException("--cut-over and --source-url need --live");
        }

        if (live)
        {
            LiveCopyRun.RefuseUnlessLive(from.Url, to.Url);
            return CommandFailure.Guard(cancellationToken => LiveCopyRun.RunAsync(from, to, options, result.GetValue(_sourceUrl), result.GetValue(_cutOver), cancellationToken));
        }

        return CommandFailure.Guard(cancellationToken => RunAsync(from, to, options, cancellationToken));
    }

    private static async Task<int> RunAsync(TargetRequest from, TargetRequest to, DatabaseCopyOptions options, CancellationToken cancellationToken)
    {
        await using var source = await DatabaseTarget.OpenAsync(from, cancellationToken);
        await using var target = await OpenTargetAsync(to, source, cancellationToken);
        using var progress = new ProgressLine();
        var report = await DatabaseCopy.RunAsync(
            source.DedicatedConnectionString, target.DedicatedConnectionString, options,
            progress.For<DatabaseCopyProgress>(p => string.Create(CultureInfo.InvariantCulture, $"{p.Done * 100:0} % {p.What}")), cancellationToken);
        progress.Clear();
        StandardStreams.WriteOutput(string.Create(CultureInfo.InvariantCulture,
            $"copied {report.Tables} tables with {report.Rows} rows and {report.LargeObjects} large objects; counts and checksums are equal\n"));
        foreach (string line in NoteAtSource(source, target, from, to) is { } failure ? report.LeftBehind.Append(failure) : report.LeftBehind)
        {
            StandardStreams.WriteError($"pocketgres: not copied: {line}\n");
        }

        return ExitCode.Success;
    }

    /// <summary>Opens the target; its database has the name of the source's unless it has one.</summary>
    internal static Task<DatabaseTarget> OpenTargetAsync(TargetRequest to, DatabaseTarget source, CancellationToken cancellationToken) =>
        DatabaseTarget.OpenAsync(to.Database is not null || ConnectionUri.Matches(to.Url) ? to : to with { Database = source.Connection.Database }, cancellationToken);

    // Whoever serves the directory again hears that it was copied. A copy into memory is gone already.
    private static string? NoteAtSource(DatabaseTarget source, DatabaseTarget target, TargetRequest from, TargetRequest to)
    {
        if (!source.IsEmbedded || (target.IsEmbedded && PostgresUrl.Parse(to.Url).IsMemory))
        {
            return null;
        }

        string where = target.IsEmbedded ? $"{PostgresUrl.Parse(to.Url)}, database {target.Connection.Database}" : ConnectionUri.WithoutPassword(target.Url);
        return CopyNote.Add(PostgresUrl.Parse(from.Url).DataDirectory!, source.Connection.Database!, where);
    }

    private static Option<string?> Text(string name, string valueName, string description) =>
        new(name) { HelpName = valueName, Description = description, Arity = ArgumentArity.ExactlyOne };
}
