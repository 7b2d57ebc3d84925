using System.CommandLine;
using System.Text;
using Pocketgres.Installation.Extensions;
using Pocketgres.Scanning;

namespace Pocketgres.Cli.Extensions;

/// <summary><c>extensions [list]</c> and <c>extensions info NAME</c>: what this version ships, and why not what it does not.</summary>
internal sealed class ExtensionsCommand
{
    private readonly Command _info;
    private readonly Argument<string> _name = new("NAME") { Description = "The name in CREATE EXTENSION." };

    public ExtensionsCommand()
    {
        var list = new Command("list", "List all extensions: the default.");
        _info = new Command("info", "Show one extension: version, what it needs, why it is not available.") { _name };
        Command = new Command("extensions", "Show which extensions CREATE EXTENSION can make. Exit code of info: 0 available, 1 not.") { list, _info };

        // Only so that the parser accepts it without a command of its own; Run does the work.
        Command.SetAction(static _ => ExitCode.Success);
    }

    /// <summary>The command, for the root to contain.</summary>
    public Command Command { get; }

    /// <summary>True when the command line asked for this command or one of its own.</summary>
    public bool IsIn(ParseResult result) => result.CommandResult.Command == Command || result.CommandResult.Command.Parents.Contains(Command);

    /// <summary>Runs what was parsed.</summary>
    public int Run(ParseResult result)
    {
        var catalog = InstalledExtensions.Load();
        if (result.CommandResult.Command != _info)
        {
            StandardStreams.WriteOutput(List(catalog));
            return ExitCode.Success;
        }

        string name = result.GetValue(_name)!;
        if (catalog.Find(name) is not { } extension)
        {
            return Program.Fail($"no extension \"{name}\" is known: see \"{Program.Name} extensions\"", ExitCode.NotAvailable);
        }

        StandardStreams.WriteOutput(Describe(extension));
        return extension.Enabled ? ExitCode.Success : ExitCode.NotAvailable;
    }

    /// <summary>The table of all extensions, the available ones first.</summary>
    internal static string List(ExtensionCatalog catalog)
    {
        int width = catalog.Extensions.Max(e => e.Name.Length);
        var text = new StringBuilder();
        Append("Available", e => e.Enabled, e => $"{e.Version ?? "-",-6}{e.Comment}{Preload(e)}");
        text.Append('\n');
        Append("Not available", e => !e.Enabled, e => $"{e.Comment}: {e.Reason}");
        return text.ToString();

        void Append(string title, Func<ExtensionInfo, bool> which, Func<ExtensionInfo, string> line)
        {
            text.Append(title).Append('\n');
            foreach (var e in catalog.Extensions.Where(which))
            {
                text.Append("  ").Append(e.Name.PadRight(width + 2)).Append(line(e)).Append('\n');
            }
        }

        static string Preload(ExtensionInfo e) => e.Preload == PreloadNeed.Required ? " (preloaded from the start after the one that creates it)" : "";
    }

    /// <summary>All about one extension, a line each.</summary>
    internal static string Describe(ExtensionInfo e)
    {
        var text = new StringBuilder();
        Line("name", e.Name);
        Line("what", e.Comment);
        Line("available", e.Enabled ? "yes" : "no: " + e.Reason);
        if (e.Enabled)
        {
            Line("use", e.Kind == ExtensionKind.Extension
                ? $"CREATE EXTENSION {(e.Name.Contains('-', StringComparison.Ordinal) ? $"\"{e.Name}\"" : e.Name)}"
                : $"LOAD '{e.Name}'");
        }

        Line("version", e.Version);
        Line("requires", string.Join(", ", e.Requires));
        Line("preload", e.Preload switch
        {
            PreloadNeed.Required => $"required: CREATE EXTENSION sees to it for the next start; at once with -c shared_preload_libraries={e.Name}",
            PreloadNeed.Optional => $"for every session: -c shared_preload_libraries={e.Name}",
            _ => null,
        });
        Line("who", !e.Enabled || e.Kind != ExtensionKind.Extension ? null : e.Trusted ? "whoever may create objects in the database" : "superusers");
        Line("types", string.Join(", ", e.Tells.Types));
        Line("functions", string.Join(", ", e.Tells.Functions));
        Line("operator classes", string.Join(", ", e.Tells.OperatorClasses));
        return text.ToString();

        void Line(string label, string? value)
        {
            if (!string.IsNullOrEmpty(value))
            {
                text.Append((label + ":").PadRight(18)).Append(value).Append('\n');
            }
        }
    }
}
