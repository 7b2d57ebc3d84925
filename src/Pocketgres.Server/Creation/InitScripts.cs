using System.Diagnostics;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Pocketgres.Server.Creation;

/// <summary>Runs the files of an init directory against a server that only we can reach, in the order of their names; the first that fails ends it.</summary>
/// <param name="connection">How to connect; its host is the directory of the Unix socket.</param>
/// <param name="logger">Is told of each file, and what shell scripts print.</param>
internal sealed partial class InitScripts(NpgsqlConnectionStringBuilder connection, ILogger? logger)
{
    private const string EndOfData = "\\.";
    private const UnixFileMode Executable = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    /// <summary>What would be run, in order.</summary>
    /// <exception cref="ServerException">The directory cannot be read.</exception>
    public static IReadOnlyList<string> Find(string directory)
    {
        try
        {
            return [.. Directory.GetFiles(directory).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ServerException($"the init directory cannot be read: {e.Message.TrimEnd('.')}; name a directory that exists", e);
        }
    }

    /// <summary>Runs the files.</summary>
    /// <exception cref="ServerException">One failed; the message names it, and the line.</exception>
    public async Task RunAsync(IReadOnlyList<string> files, CancellationToken cancellationToken)
    {
        foreach (string file in files)
        {
            string name = Path.GetFileName(file);
            if (name.EndsWith(".sql", StringComparison.Ordinal) || name.EndsWith(".sql.gz", StringComparison.Ordinal))
            {
                Say(LogLevel.Information, $"running {name}");
                await RunSqlAsync(file, name, cancellationToken).ConfigureAwait(false);
            }
            else if (name.EndsWith(".sh", StringComparison.Ordinal))
            {
                Say(LogLevel.Information, $"running {name}");
                await RunShellAsync(file, name, cancellationToken).ConfigureAwait(false);
            }
            else
            {
                Say(LogLevel.Warning, $"ignoring {name}: only *.sql, *.sql.gz and *.sh are run");
            }
        }
    }

    private async Task RunSqlAsync(string file, string name, CancellationToken cancellationToken)
    {
        ScriptReader? script = null;
        var session = new NpgsqlConnection(connection.ConnectionString);
        try
        {
            using var reader = Open(file);
            script = new ScriptReader(reader);
            await session.OpenAsync(cancellationToken).ConfigureAwait(false);
            while (script.Next() is { } statement)
            {
                if (statement.StartsWith('\\'))
                {
                    session = await ReconnectAsync(session, statement, cancellationToken).ConfigureAwait(false);
                }
                else if (CopyFromStandardInput.IsMatch(statement))
                {
                    await CopyAsync(session, statement, script, cancellationToken).ConfigureAwait(false);
                }
                else
                {
                    await ExecuteAsync(session, statement, cancellationToken).ConfigureAwait(false);
                }
            }
        }
        catch (Exception e) when (e is NpgsqlException or IOException or UnauthorizedAccessException or InvalidDataException or NotSupportedException)
        {
            string line = script is { StatementLine: > 0 } ? $" line {script.StatementLine}" : "";
            throw new ServerException($"{name}{line}: {(e as PostgresException)?.MessageText ?? e.Message}; correct it and start again: nothing was made", e);
        }
        finally
        {
            await session.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static StreamReader Open(string file)
    {
        Stream stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read);
        return new StreamReader(file.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(stream, CompressionMode.Decompress) : stream, Encoding.UTF8);
    }

    // What pg_dump writes. Everything else that psql knows is for psql.
    private async Task<NpgsqlConnection> ReconnectAsync(NpgsqlConnection session, string command, CancellationToken cancellationToken)
    {
        string[] words = command.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        switch (words)
        {
            case ["\\restrict" or "\\unrestrict", ..]:
                return session;
            case ["\\connect" or "\\c", var database]:
                await session.DisposeAsync().ConfigureAwait(false);
                var other = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connection.ConnectionString) { Database = database.Trim('"', '\'') }.ConnectionString);
                await other.OpenAsync(cancellationToken).ConfigureAwait(false);
                return other;
            default:
                throw new NotSupportedException($"{words[0]} is a command of psql's own, not SQL: put it into a *.sh that calls psql");
        }
    }

    private static async Task ExecuteAsync(NpgsqlConnection session, string statement, CancellationToken cancellationToken)
    {
#pragma warning disable CA2100 // The script's own statement, as it is.
        var command = new NpgsqlCommand(statement, session);
#pragma warning restore CA2100
        await using (command.ConfigureAwait(false))
        {
            // Text: not every type has a binary form. And a parameter that nobody uses: without one, Npgsql itself would cut at semicolons, those of
            // BEGIN ATOMIC bodies too.
            command.AllResultTypesAreUnknown = true;
            command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = 0 });
            await command.ExecuteNonQueryAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    private static async Task CopyAsync(NpgsqlConnection session, string statement, ScriptReader script, CancellationToken cancellationToken)
    {
        var writer = await session.BeginTextImportAsync(statement, cancellationToken).ConfigureAwait(false);
        await using (writer.ConfigureAwait(false))
        {
            while (script.ReadDataLine() is { } line && line != EndOfData)
            {
                await writer.WriteAsync((line + "\n").AsMemory(), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    // Executable files run as what they are, others by a shell, so that a file from a repository without modes works too.
    private async Task RunShellAsync(string file, string name, CancellationToken cancellationToken)
    {
        bool runsItself = (File.GetUnixFileMode(file) & Executable) != 0;
        var start = new ProcessStartInfo(runsItself ? file : File.Exists("/bin/bash") ? "/bin/bash" : "/bin/sh", runsItself ? [] : [file])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PGHOST"] = connection.Host;
        start.Environment["PGPORT"] = connection.Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        start.Environment["PGUSER"] = start.Environment["POSTGRES_USER"] = connection.Username;
        start.Environment["PGDATABASE"] = start.Environment["POSTGRES_DB"] = connection.Database;
        using var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, e) => SayLine(name, e.Data);
        process.ErrorDataReceived += (_, e) => SayLine(name, e.Data);
        try
        {
            process.Start();
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new ServerException($"{name} cannot be run: {e.Message}; check its first line and its mode: nothing was made", e);
        }

        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await process.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }

        if (process.ExitCode != 0)
        {
            throw new ServerException($"{name} ended with exit code {process.ExitCode}: its output is in the log; correct it and start again: nothing was made");
        }
    }

    private void SayLine(string name, string? line)
    {
        if (line is not null)
        {
            Say(LogLevel.Information, $"{name}: {line}");
        }
    }

#pragma warning disable CA1848, CA2254 // A few lines in a cluster's life.
    private void Say(LogLevel level, string message) => logger?.Log(level, message);
#pragma warning restore CA1848, CA2254

    [GeneratedRegex(@"^COPY\s.*\sFROM\s+STDIN\b", RegexOptions.IgnoreCase | RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex CopyFromStandardInput { get; }
}
