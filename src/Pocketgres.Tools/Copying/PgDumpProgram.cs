using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;
using Pocketgres.Installation;
using Pocketgres.Sql;
using Pocketgres.Transfer;

namespace Pocketgres.Copying;

/// <summary>The program pg_dump, what knows how to write down a schema: the one that runs in this process, or one of this machine where that cannot be.</summary>
internal sealed partial class PgDumpProgram
{
    private const string Debian = "/usr/lib/postgresql";

    private readonly string? _path;

    private PgDumpProgram(string? path) => _path = path;

    /// <summary>Finds one that is new enough and reaches the source.</summary>
    /// <param name="given">Its path; null to choose.</param>
    /// <param name="source">A session of the source.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="CopyException">There is none.</exception>
    public static async Task<PgDumpProgram> FindAsync(string? given, NpgsqlConnection source, CancellationToken cancellationToken)
    {
        // An older pg_dump refuses the source. That of this process has no TLS, and what is sent with it is not to be sent without.
        int serverMajor = int.Parse((await source.ValueAsync<string>("SHOW server_version_num", cancellationToken))!, CultureInfo.InvariantCulture) / 10000;
        bool isEncrypted = await source.ValueAsync<bool>("SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_catalog.pg_backend_pid()", cancellationToken);
        if (given is null && serverMajor <= EngineArtifacts.PostgresMajorVersion && !isEncrypted)
        {
            return new PgDumpProgram(null);
        }

        var candidates = given is not null ? [given] : (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(d => Path.Combine(d, "pg_dump"))
            .Concat(Directory.Exists(Debian) ? Directory.EnumerateDirectories(Debian).Select(d => Path.Combine(d, "bin", "pg_dump")) : [])
            .Where(File.Exists).ToList();
        int newest = 0;
        foreach (string candidate in candidates)
        {
            int version = await VersionAsync(candidate, cancellationToken);
            if (version >= serverMajor)
            {
                return new PgDumpProgram(candidate);
            }

            newest = Math.Max(newest, version);
        }

        throw new CopyException(
            $"the schema is read by pg_dump of PostgreSQL {serverMajor} or newer{(given is null && isEncrypted ? ", over TLS, which that of this program does not have" : "")}, and " +
            $"{(newest > 0 ? $"this machine has only that of {newest}" : given is null ? "this machine has none" : $"{given} is none")}: install it (postgresql-client-{serverMajor}), or name it with --pg-dump");
    }

    /// <summary>A section of the schema as SQL.</summary>
    /// <param name="section"><c>pre-data</c> or <c>post-data</c>.</param>
    /// <param name="connection">The source.</param>
    /// <param name="snapshot">An exported snapshot.</param>
    /// <param name="owners">Whether to keep owners and grants.</param>
    /// <param name="cancellationToken">Ends the program.</param>
    /// <exception cref="CopyException">It failed.</exception>
    public async Task<string> RunAsync(string section, NpgsqlConnectionStringBuilder connection, string snapshot, bool owners, CancellationToken cancellationToken)
    {
        string[] arguments =
        [
            $"--section={section}", $"--snapshot={snapshot}", "--encoding=UTF8", "--no-publications", "--no-subscriptions", "--no-tablespaces", .. owners ? (string[])[] : ["--no-owner", "--no-privileges"],
        ];
        var variables = new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["PGHOST"] = connection.Host,
            ["PGPORT"] = connection.Port.ToString(CultureInfo.InvariantCulture),
            ["PGUSER"] = connection.Username,
            ["PGDATABASE"] = connection.Database,
            ["PGPASSWORD"] = connection.Password,
            ["PGSSLMODE"] = _path is null ? "disable" : connection.SslMode switch { SslMode.VerifyCA => "verify-ca", SslMode.VerifyFull => "verify-full", var mode => mode.ToString().ToLowerInvariant() },
            ["PGHOSTADDR"] = null,
            ["PGSERVICE"] = null,
            ["PGOPTIONS"] = null,
        };
        Set("PGPASSFILE", connection.Passfile);
        Set("PGSSLROOTCERT", connection.RootCertificate);
        Set("PGSSLCERT", connection.SslCertificate);
        Set("PGSSLKEY", connection.SslKey);
        return _path is null ? await RunHereAsync(arguments, variables, cancellationToken) : await RunElsewhereAsync(_path, arguments, variables, cancellationToken);

        void Set(string name, string? value)
        {
            if (value is not null)
            {
                variables[name] = value;
            }
        }
    }

    private static async Task<string> RunHereAsync(string[] arguments, Dictionary<string, string?> variables, CancellationToken cancellationToken)
    {
        string file = Path.GetTempFileName();
        try
        {
            using var log = new ProgramLog();
            var step = new ProgramStep(log);
            return await step.RunAsync("pg_dump", [.. arguments, "--file", file], variables, cancellationToken) == 0
                ? await File.ReadAllTextAsync(file, cancellationToken)
                : throw Failure(step.Reason("pg_dump"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task<string> RunElsewhereAsync(string path, string[] arguments, Dictionary<string, string?> variables, CancellationToken cancellationToken)
    {
        var start = new ProcessStartInfo(path, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in variables)
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        await using var kill = cancellationToken.Register(() => process.Kill());
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        string output = await process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        await process.WaitForExitAsync(CancellationToken.None);
        cancellationToken.ThrowIfCancellationRequested();
        return process.ExitCode == 0 ? output : throw Failure((await errors).Trim().ReplaceLineEndings("; "));
    }

    private static CopyException Failure(string reason) => new($"pg_dump failed: {reason}; nothing was changed");

    private static async Task<int> VersionAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(path, ["--version"]) { RedirectStandardOutput = true })!;
            string text = await process.StandardOutput.ReadToEndAsync(cancellationToken);
            return Number().Match(text) is { Success: true } m ? int.Parse(m.Value, CultureInfo.InvariantCulture) : 0;
        }
        catch (Win32Exception)
        {
            return 0;
        }
    }

    [GeneratedRegex(@"\d+")]
    private static partial Regex Number();
}
