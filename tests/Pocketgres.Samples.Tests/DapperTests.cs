using Dapper;
using Pocketgres.Testing;
using Pocketgres.Testing.Xunit;

namespace Pocketgres.Samples.Tests;

/// <summary>Dapper: one database for a class, each test in a transaction of its own that is rolled back.</summary>
public sealed class DapperTests(PostgresFixture<DapperTests.Template> fixture) : IClassFixture<PostgresFixture<DapperTests.Template>>
{
    [Fact]
    public async Task Rows_are_mapped()
    {
        await using var connection = await fixture.DataSource.OpenConnectionAsync();
        var people = (await connection.QueryAsync<Person>("SELECT id, name, born FROM person WHERE born < @before ORDER BY id", new { before = new DateTime(1900, 1, 1) })).AsList();
        Assert.Equal([new Person(1, "Ada", new DateTime(1815, 12, 10))], people);
    }

    [Fact]
    public async Task Changes_are_rolled_back()
    {
        await using var connection = await fixture.DataSource.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        int n = await connection.ExecuteAsync("INSERT INTO person (name, born) VALUES (@name, @born)",
            new[] { new { name = "x", born = DateTime.Today }, new { name = "y", born = DateTime.Today } }, transaction);
        Assert.Equal(2, n);
        Assert.Equal(4, await connection.ExecuteScalarAsync<long>("SELECT count(*) FROM person", transaction: transaction));
        await transaction.RollbackAsync();
        Assert.Equal(2, await connection.ExecuteScalarAsync<long>("SELECT count(*) FROM person"));
    }

    public sealed record Person(int Id, string Name, DateTime Born);

    public sealed class Template : PostgresTemplateDefinition
    {
        public override async Task BuildAsync(PostgresInstance postgres, CancellationToken cancellationToken)
        {
            await using var connection = await postgres.DataSource.OpenConnectionAsync(cancellationToken);
            await connection.ExecuteAsync("""
                CREATE TABLE person (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, born timestamp NOT NULL);
                INSERT INTO person (name, born) VALUES ('Ada', '1815-12-10'), ('Grace', '1906-12-09');
                """);
        }
    }
}
