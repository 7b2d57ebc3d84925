using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Npgsql;
using Pocketgres.Cli.Targets;
using Pocketgres.Engine;
using Pocketgres.Server;

namespace Pocketgres.Cli.Doctor;

/// <summary><c>doctor [URL]</c>: would it work here, and does it?</summary>
internal sealed class DoctorCommand : ISubcommand
{
    private readonly TargetOptions _target = new(createsDatabase: false);
    private readonly Option<bool> _all = new("--all") { Description = "Also show what is as it should be." };

    public DoctorCommand()
    {
        Command = new Command("doctor",
            "Look at this machine, and at a database: whether it works, and what will not when something else goes wrong. A file: directory that exists is\n" +
            "started and stopped, which is all that changes it. The verdict is the last line. Exit codes: 0 healthy, or warnings only; 1 problems.")
        {
            _all,
        };
        _target.AddTo(Command);
    }

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        var request = _target.Read(result);
        bool showsAll = result.GetValue(_all);
        return CommandFailure.Guard(cancellationToken => RunAsync(request, showsAll, cancellationToken));
    }

    private static async Task<int> RunAsync(TargetRequest request, bool showsAll, CancellationToken cancellationToken)
    {
        var findings = new List<Finding>();
        if (ConnectionUri.Matches(request.Url))
        {
            findings.AddRange(await LookAtServerAsync(request, cancellationToken));
        }
        else
        {
            string? directory = PostgresUrl.TryParse(request.Url, out var url, out string? error) ? url.DataDirectory : throw new UsageException(error);
            findings.AddRange(MachineChecks.Run(directory));
            bool exists = directory is null || File.Exists(Path.Combine(directory, "PG_VERSION"));
            if (!exists)
            {
                findings.Add(new Finding(FindingLevel.Fine, "directory", $"{directory} is not made yet: tried with memory: instead"));
            }

            // From outside, as another program would: over TCP.
            findings.AddRange(await LookAtServerAsync(exists ? request with { Port = "0" } : new TargetRequest { Url = "memory:", Port = "0" }, cancellationToken));
        }

        var text = new StringBuilder();
        foreach (var finding in findings.Where(f => showsAll || f.Level != FindingLevel.Fine))
        {
            text.Append(finding).Append('\n');
        }

        int problems = findings.Count(f => f.Level == FindingLevel.Problem), warnings = findings.Count(f => f.Level == FindingLevel.Warning);
        text.Append(CultureInfo.InvariantCulture, $"{(problems > 0 ? "unhealthy" : "healthy")}: {problems} problems, {warnings} warnings, {findings.Count} looked at\n");
        StandardStreams.WriteOutput(text.ToString());
        return problems > 0 ? ExitCode.Failed : ExitCode.Success;
    }

    private static async Task<List<Finding>> LookAtServerAsync(TargetRequest request, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        try
        {
            await using var target = await DatabaseTarget.OpenAsync(request, cancellationToken);
            await using var connection = new NpgsqlConnection(target.DedicatedConnectionString);
            await connection.OpenAsync(cancellationToken);
            var findings = await ServerChecks.RunAsync(connection, cancellationToken);
            findings.Insert(0, new Finding(FindingLevel.Fine, "connection",
                string.Create(CultureInfo.InvariantCulture, $"{target.Connection.Host}:{target.Connection.Port} after {Stopwatch.GetElapsedTime(started).TotalSeconds:0.00} s")));
            return findings;
        }
        catch (ClusterException e)
        {
            return e.Error == ClusterError.DirectoryInUse
                ? [new Finding(FindingLevel.Warning, "server", e.Message, "to look at the server that has it, give its postgres:// URL")]
                : [new Finding(FindingLevel.Problem, "server", e.Message, "\"pocketgres serve\" shows its log")];
        }
        catch (NpgsqlException e)
        {
            string reason = (e as PostgresException)?.MessageText ?? e.InnerException?.Message ?? e.Message;
            return [new Finding(FindingLevel.Problem, "connection", reason, "check the URL, that the server runs, and pg_hba.conf")];
        }
    }
}
