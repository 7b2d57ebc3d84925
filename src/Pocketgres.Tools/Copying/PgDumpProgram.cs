using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;

namespace Pocketgres.Copying;

/// <summary>The program pg_dump of this machine: what knows how to write down a schema.</summary>
internal sealed partial class PgDumpProgram
{
    private const string Debian = "/usr/lib/postgresql";

    private readonly string _path;

    private PgDumpProgram(string path) => _path = path;

    /// <summary>Finds one that is new enough.</summary>
    /// <param name="given">Its path; null to look for the newest.</param>
    /// <param name="serverMajor">The source's major version: an older pg_dump refuses it.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="CopyException">There is none.</exception>
    public static async Task<PgDumpProgram> FindAsync(string? given, int serverMajor, CancellationToken cancellationToken)
    {
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
            $"the schema is read by pg_dump of PostgreSQL {serverMajor} or newer, and {(newest > 0 ? $"this machine has only that of {newest}" : given is null ? "this machine has none" : $"{given} is none")}: " +
            $"install it (postgresql-client-{serverMajor}), or name it with --pg-dump");
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
        var start = new ProcessStartInfo(_path, [$"--section={section}", $"--snapshot={snapshot}", "--encoding=UTF8", "--no-publications", "--no-subscriptions", "--no-tablespaces"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (!owners)
        {
            start.ArgumentList.Add("--no-owner");
            start.ArgumentList.Add("--no-privileges");
        }

        start.Environment["PGHOST"] = connection.Host;
        start.Environment["PGPORT"] = connection.Port.ToString(CultureInfo.InvariantCulture);
        start.Environment["PGUSER"] = connection.Username;
        start.Environment["PGDATABASE"] = connection.Database;
        start.Environment["PGPASSWORD"] = connection.Password;
        start.Environment["PGSSLMODE"] = connection.SslMode switch { SslMode.VerifyCA => "verify-ca", SslMode.VerifyFull => "verify-full", var mode => mode.ToString().ToLowerInvariant() };
        Set("PGPASSFILE", connection.Passfile);
        Set("PGSSLROOTCERT", connection.RootCertificate);
        Set("PGSSLCERT", connection.SslCertificate);
        Set("PGSSLKEY", connection.SslKey);
        foreach (string contradicting in new[] { "PGHOSTADDR", "PGSERVICE", "PGOPTIONS" })
        {
            start.Environment.Remove(contradicting);
        }

        using var process = Process.Start(start)!;
        await using var kill = cancellationToken.Register(() => process.Kill());
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        string output = await process.StandardOutput.ReadToEndAsync(CancellationToken.None);
        await process.WaitForExitAsync(CancellationToken.None);
        cancellationToken.ThrowIfCancellationRequested();
        return process.ExitCode == 0 ? output : throw new CopyException($"pg_dump failed: {(await errors).Trim().ReplaceLineEndings("; ")}; nothing was changed");

        void Set(string name, string? value)
        {
            if (value is not null)
            {
                start.Environment[name] = value;
            }
        }
    }

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
