using System.CommandLine;
using Pocketgres.Directories;
using Pocketgres.Engine.Data;

namespace Pocketgres.Cli.NativeDirectories;

/// <summary><c>export-pgdata DIR NATIVE_DIR</c>: a copy of a data directory of ours for a native server.</summary>
internal sealed class ExportCommand : ISubcommand
{
    private readonly Argument<string> _from = new("DIR") { Description = "A data directory that nobody serves: only read, but for a note that it was copied." };
    private readonly Argument<string> _to = new("NATIVE_DIR") { Description = "A new or empty directory; with --pglite a file (.tgz), replaced when the new one is whole." };
    private readonly Option<bool> _pglite = new("--pglite") { Description = "Make an archive that PGlite of PostgreSQL 18 loads (loadDataDir)." };
    private readonly Option<string?> _user = new("--user") { HelpName = "NAME", Description = "A superuser of the cluster (default postgres)." };

    public ExportCommand() => Command = new Command("export-pgdata",
        "Copy a data directory so that a native PostgreSQL 18 serves it, or PGlite. The copy is recovered and looked at, and appears when it is whole. What is to be done there is named, a line each.\n" +
        "Exit codes: 0 copied; 1 not copied, and nothing is there; 2 bad option; 4, 5 a directory that cannot be used; 130, 143 interrupted.")
    {
        _from, _to, _pglite, _user,
    };

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        string from = DirectoryArgument.Read(result.GetValue(_from)!), to = result.GetValue(_to)!;
        bool isPGlite = result.GetValue(_pglite);
        var options = new MoveOptions { Kind = isPGlite ? MoveKind.ToPGlite : MoveKind.ToNative, User = result.GetValue(_user) ?? MoveOptions.DefaultUser };
        return MoveRun.Run(from, to, options, () =>
        {
            if (CopyNote.Add(Path.GetFullPath(from), CopyNote.AllDatabases, Path.GetFullPath(to)) is { } failure)
            {
                StandardStreams.WriteError($"pocketgres: {failure}\n");
            }

            StandardStreams.WriteOutput(isPGlite
                ? $"copied {from} to {to}: PGlite.create({{ loadDataDir: new Blob([readFileSync('{to}')]) }})\n"
                : $"copied {from} to {to}: give it to the user of the native server (chown -R), then postgres -D {to}\n");
        });
    }
}
