using System.CommandLine;
using Pocketgres.Directories;

namespace Pocketgres.Cli.NativeDirectories;

/// <summary><c>import-pgdata NATIVE_DIR DIR</c>: a copy of a native server's data directory.</summary>
internal sealed class ImportCommand : ISubcommand
{
    private readonly Argument<string> _from = new("NATIVE_DIR") { Description = "The data directory of a stopped PostgreSQL 18, a backup of pg_basebackup, a directory of PGlite, or a tar archive of one (.tar, .tar.gz; dumpDataDir): only read." };
    private readonly Argument<string> _to = new("DIR") { Description = "A new or empty directory." };
    private readonly Option<bool> _reindex = new("--reindex") { Description = "Build the indexes anew that are sorted by a locale of the C library, or by another version of ICU." };
    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "Do everything, say what would be otherwise, and keep nothing." };
    private readonly Option<string?> _configuration = new("--config") { HelpName = "DIR", Description = "Where postgresql.conf is, if not in the data directory (default: where Debian has it)." };
    private readonly Option<string?> _user = new("--user") { HelpName = "NAME", Description = "A superuser of the cluster (default postgres)." };

    public ImportCommand() => Command = new Command("import-pgdata",
        "Copy the data directory of a native PostgreSQL 18, of PGlite, or of an earlier version with PGlite's engine, so that it is served here. The copy is recovered, checked and put right, and appears when it is whole; the source is not changed.\n" +
        "What is otherwise in the copy is named, a line each. Exit codes: 0 copied; 1 not copied, and nothing is there; 2 bad option; 4, 5 a directory that cannot be used; 130, 143 interrupted.")
    {
        _from, _to, _reindex, _dryRun, _configuration, _user,
    };

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        string from = DirectoryArgument.Read(result.GetValue(_from)!), to = DirectoryArgument.Read(result.GetValue(_to)!);
        bool isTrial = result.GetValue(_dryRun);
        var options = new MoveOptions
        {
            Kind = MoveKind.Import,
            IsTrial = isTrial,
            Reindex = result.GetValue(_reindex),
            User = result.GetValue(_user) ?? MoveOptions.DefaultUser,
            Configuration = result.GetValue(_configuration),
        };
        return MoveRun.Run(from, to, options, () =>
            StandardStreams.WriteOutput(isTrial ? $"{from} can be copied to {to}: nothing was made\n" : $"copied {from} to {to}: pocketgres serve file:{to}\n"));
    }
}
