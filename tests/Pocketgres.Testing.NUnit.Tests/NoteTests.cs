namespace Pocketgres.Testing.NUnit.Tests;

/// <summary>One table, built once: a counter in the process proves it.</summary>
public sealed class NoteTemplate : PostgresTemplateDefinition
{
    private static int s_builds;

    public static int Builds => s_builds;

    public override async Task BuildAsync(PostgresInstance postgres, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref s_builds);
        await using var command = postgres.DataSource.CreateCommand("CREATE TABLE note (text text); INSERT INTO note VALUES ('first')");
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}

/// <summary>All at once, each on a database of its own.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class NoteTests : PostgresTest<NoteTemplate>
{
    private bool _setUp;

    [SetUp]
    public void SetUp() => _setUp = Postgres.State == PostgresInstanceState.Running; // the base class has made it

    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    [TestCase(4)]
    public async Task Each_test_has_its_own_database(int n)
    {
        Assert.That(_setUp);
        Assert.That(NoteTemplate.Builds, Is.EqualTo(1));
        await using var add = DataSource.CreateCommand($"INSERT INTO note VALUES ('note {n}')");
        await add.ExecuteNonQueryAsync();
        await using var count = DataSource.CreateCommand("SELECT count(*) FROM note");
        Assert.That(await count.ExecuteScalarAsync(), Is.EqualTo(2L));
    }
}
