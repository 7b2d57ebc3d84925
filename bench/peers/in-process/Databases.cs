using Pocketgres;
using Npgsql;

namespace Pocketgres.Bench.InProcess;

/// <summary>One session for each database, opened when it is first asked for: with the instance's settings, but for the database.</summary>
internal sealed class Databases(PostgresInstance instance) : IDisposable
{
    private readonly Dictionary<string, (NpgsqlDataSource Source, NpgsqlConnection Connection)> _open = [];

    public NpgsqlConnection this[string database]
    {
        get
        {
            if (!_open.TryGetValue(database, out var opened))
            {
                var builder = instance.CreateDataSourceBuilder();
                builder.ConnectionStringBuilder.Database = database;
                var source = builder.Build();
                opened = (source, source.OpenConnection());
                _open.Add(database, opened);
            }

            return opened.Connection;
        }
    }

    /// <summary>Runs statements (none when empty) and reads all they return. However long it takes: the tables are made this way.</summary>
    public void Execute(string database, string sql)
    {
        if (sql.Length > 0)
        {
            using var command = new NpgsqlCommand(sql, this[database]) { CommandTimeout = 0 };
            Read(command);
        }
    }

    /// <summary>Runs a command and looks at every value it returns, as PGlite does when it makes its array of rows.</summary>
    public static void Read(NpgsqlCommand command)
    {
        using var reader = command.ExecuteReader();
        do
        {
            while (reader.Read())
            {
                for (int i = 0; i < reader.FieldCount; i++)
                {
                    reader.GetValue(i);
                }
            }
        }
        while (reader.NextResult());
    }

    public void Dispose()
    {
        foreach (var (source, connection) in _open.Values)
        {
            connection.Dispose();
            source.Dispose();
        }
    }
}
