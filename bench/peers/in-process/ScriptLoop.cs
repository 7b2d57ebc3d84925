using Npgsql;

namespace Pocketgres.Bench.InProcess;

/// <summary>
/// Runs a script again and again in one session. The protocol has pgbench's names and means what a program does with Npgsql: <c>simple</c>, the values
/// are text in the statement; <c>extended</c>, they are parameters; <c>prepared</c>, the commands are prepared too, once, before the time counts.
/// </summary>
internal sealed class ScriptLoop(Step[] steps, NpgsqlConnection connection, string protocol, int scale)
{
    private readonly Dictionary<string, int> _variables = new(StringComparer.Ordinal) { ["scale"] = scale };
    private readonly Dictionary<Statement, NpgsqlCommand> _prepared = new(ReferenceEqualityComparer.Instance);

    /// <summary>Measures whole turns.</summary>
    public Measurement Run(TimeSpan time)
    {
        if (protocol == "prepared")
        {
            foreach (var statement in steps.OfType<Statement>())
            {
                _prepared[statement] = WithParameters(statement);
                _prepared[statement].Prepare();
            }
        }

        try
        {
            return Measurement.Of(Turn, time);
        }
        finally
        {
            foreach (var command in _prepared.Values)
            {
                command.Unprepare();
                command.Dispose();
            }
        }
    }

    private void Turn()
    {
        foreach (var step in steps)
        {
            switch (step)
            {
                case Assignment set:
                    _variables[set.Name] = set.Value(_variables);
                    break;
                case Statement statement when protocol == "prepared":
                    Run(statement, _prepared[statement]);
                    break;
                case Statement statement when protocol == "extended":
                    using (var command = WithParameters(statement))
                    {
                        Run(statement, command);
                    }

                    break;
                case Statement statement:
                    using (var command = new NpgsqlCommand(statement.Fill(_variables), connection))
                    {
                        Databases.Read(command);
                    }

                    break;
            }
        }
    }

    private void Run(Statement statement, NpgsqlCommand command)
    {
        for (int i = 0; i < statement.Parameters.Length; i++)
        {
            ((NpgsqlParameter<int>)command.Parameters[i]).TypedValue = _variables[statement.Parameters[i]];
        }

        Databases.Read(command);
    }

    private NpgsqlCommand WithParameters(Statement statement)
    {
        var command = new NpgsqlCommand(statement.Numbered, connection);
        foreach (string _ in statement.Parameters)
        {
            command.Parameters.Add(new NpgsqlParameter<int>());
        }

        return command;
    }
}
