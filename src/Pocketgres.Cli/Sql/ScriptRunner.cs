using System.Globalization;
using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Cli.Sql;

/// <summary>Runs scripts over one connection and prints the rows, until the first error.</summary>
internal sealed class ScriptRunner
{
    private readonly NpgsqlConnection _connection;
    private readonly IRowWriter _writer;
    private readonly IReadOnlyDictionary<string, string> _variables;

    public ScriptRunner(NpgsqlConnection connection, IRowWriter writer, IReadOnlyDictionary<string, string> variables)
    {
        _connection = connection;
        _writer = writer;
        _variables = variables;
        connection.Notice += static (_, e) => StandardStreams.WriteError($"{e.Notice.Severity}: {e.Notice.MessageText}\n");
    }

    /// <summary>Runs them; returns the exit code.</summary>
    public async Task<int> RunAsync(IReadOnlyList<Script> scripts, bool inOneTransaction, CancellationToken cancellationToken)
    {
        if (inOneTransaction)
        {
            await _connection.ExecuteAsync("BEGIN", cancellationToken);
        }

        foreach (var script in scripts)
        {
            if (await RunAsync(script, cancellationToken) is { } problem)
            {
                return Program.Fail(problem, ExitCode.Failed);
            }
        }

        if (inOneTransaction)
        {
            await _connection.ExecuteAsync("COMMIT", cancellationToken);
        }

        return ExitCode.Success;
    }

    // Null, or what is wrong.
    private async Task<string?> RunAsync(Script script, CancellationToken cancellationToken)
    {
        IReadOnlyList<SqlStatement> statements;
        try
        {
            statements = SqlScript.Split(script.Text);
        }
        catch (SqlScriptException e)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{script.Name}:{e.Line}: {e.Message}");
        }

        foreach (var statement in statements)
        {
            try
            {
                await RunAsync(script, statement, cancellationToken);
            }
            catch (PostgresException e) when (!cancellationToken.IsCancellationRequested)
            {
                string more = string.Concat(new[] { e.Detail, e.Hint }.Where(t => !string.IsNullOrEmpty(t)).Select(t => "; " + t));
                return string.Create(CultureInfo.InvariantCulture, $"{script.Name}:{statement.Line}: {e.Severity}: {e.SqlState}: {e.MessageText}{more}");
            }
        }

        return null;
    }

    private async Task RunAsync(Script script, SqlStatement statement, CancellationToken cancellationToken)
    {
        string sql = SqlVariables.Replace(statement.Text, _variables);
        if (statement.CopyData is { } data)
        {
            await using var import = await _connection.BeginTextImportAsync(sql, cancellationToken);
            if (script.IsArgument)
            {
                using var input = new StreamReader(Console.OpenStandardInput());
                char[] block = new char[64 << 10];
                for (int read; (read = await input.ReadAsync(block, cancellationToken)) > 0;)
                {
                    await import.WriteAsync(block.AsMemory(0, read), cancellationToken);
                }
            }
            else
            {
                await import.WriteAsync(data.AsMemory(), cancellationToken);
            }

            return;
        }

        if (statement.Words is ["COPY", ..] && statement.Words.Contains("STDOUT"))
        {
            using var export = await _connection.BeginTextExportAsync(sql, cancellationToken);
            char[] block = new char[64 << 10];
            for (int read; (read = await export.ReadAsync(block, cancellationToken)) > 0;)
            {
                StandardStreams.WriteOutput(new string(block, 0, read));
            }

            return;
        }

        // As text, as psql shows it. Npgsql's own parser is off (see the project file): it would cut at the semicolons of BEGIN ATOMIC.
#pragma warning disable CA2100
        await using var command = new NpgsqlCommand(sql, _connection) { AllResultTypesAreUnknown = true, CommandTimeout = 0 };
#pragma warning restore CA2100
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (reader.FieldCount == 0 && !reader.HasRows)
        {
            await reader.CloseAsync();
            _writer.Done(statement.Words[0], reader.RecordsAffected);
            return;
        }

        _writer.Begin([.. Enumerable.Range(0, reader.FieldCount).Select(i => new ResultColumn(reader.GetName(i), reader.GetDataTypeName(i)))]);
        while (await reader.ReadAsync(cancellationToken))
        {
            string?[] row = new string?[reader.FieldCount];
            for (int i = 0; i < row.Length; i++)
            {
                row[i] = await reader.IsDBNullAsync(i, cancellationToken) ? null : reader.GetString(i);
            }

            _writer.Row(row);
        }

        _writer.End();
    }
}
