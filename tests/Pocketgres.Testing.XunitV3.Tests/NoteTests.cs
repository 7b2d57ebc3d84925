using Pocketgres.Testing.XunitV3;
using Pocketgres.Testing.XunitV3.Tests;

[assembly: AssemblyFixture(typeof(PostgresFixture<NoteTemplate>))]

namespace Pocketgres.Testing.XunitV3.Tests;

/// <summary>One table, built once: a counter in the process proves it.</summary>
public sealed class NoteTemplate : PostgresTemplateDefinition
{
    private static int s_builds;

    public static int Builds => s_builds;

    public override async Task BuildAsync(PostgresInstance postgres, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref s_builds);
        await using var command = postgres.DataSource.CreateCommand("CREATE UNLOGGED TABLE note (text text); INSERT INTO note VALUES ('first')");
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}

public abstract class NoteTest : PostgresTest<NoteTemplate>
{
    protected async Task AddsOneNoteAsync()
    {
        Assert.Equal(1, NoteTemplate.Builds);
        await using var add = DataSource.CreateCommand("INSERT INTO note VALUES ('second')");
        await add.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        await using var count = DataSource.CreateCommand("SELECT count(*) FROM note");
        Assert.Equal(2L, await count.ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }
}

/// <summary>Two classes, which xUnit runs side by side.</summary>
public sealed class NoteTests : NoteTest
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Each_test_has_its_own_database(int n)
    {
        Assert.True(n > 0);
        await AddsOneNoteAsync();
    }
}

public sealed class MoreNoteTests(PostgresFixture<NoteTemplate> shared) : NoteTest
{
    [Fact]
    public Task Classes_share_the_template() => AddsOneNoteAsync();

    [Fact]
    public async Task A_fixture_of_the_assembly_is_another_database()
    {
        Assert.NotEqual(shared.Postgres.ConnectionString, Postgres.ConnectionString);
        await using var count = shared.DataSource.CreateCommand("SELECT count(*) FROM note");
        Assert.Equal(1L, await count.ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }
}
