using System.Text;
using Pocketgres.Testing;
using Pocketgres.Testing.Xunit;

namespace Pocketgres.Bench.Tests;

public sealed class FiftyTables : PostgresTemplateDefinition
{
    public override async Task BuildAsync(PostgresInstance postgres, CancellationToken cancellationToken)
    {
        var schema = new StringBuilder();
        for (int i = 0; i < 50; i++)
        {
            schema.Append(System.Globalization.CultureInfo.InvariantCulture,
                $"CREATE TABLE t{i} (id int PRIMARY KEY, name text NOT NULL, at timestamptz DEFAULT now()); INSERT INTO t{i} SELECT i, 'n' || i FROM generate_series(1, 100) i;");
        }

        await using var command = postgres.DataSource.CreateCommand(schema.ToString());
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}

public static class Numbers
{
    public static TheoryData<int> To(int count) => [.. Enumerable.Range(0, count)];
}

public class WithDatabase : PostgresTest<FiftyTables>
{
    public static TheoryData<int> Half => Numbers.To(250);

    [Theory]
    [MemberData(nameof(Half))]
    public async Task Query(int n)
    {
        await using var command = DataSource.CreateCommand("SELECT name FROM t7 WHERE id = 7");
        Assert.Equal(n >= 0 ? "n7" : "", await command.ExecuteScalarAsync());
    }
}

/// <summary>A second class: xUnit runs the two side by side.</summary>
public sealed class WithDatabaseToo : WithDatabase;

public class WithoutDatabase
{
    public static TheoryData<int> Half => Numbers.To(250);

    [Theory]
    [MemberData(nameof(Half))]
    public async Task Nothing(int n)
    {
        await Task.Yield();
        Assert.True(n >= 0);
    }
}

public sealed class WithoutDatabaseToo : WithoutDatabase;
