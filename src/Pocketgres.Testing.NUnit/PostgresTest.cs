using Npgsql;
using NUnit.Framework;

namespace Pocketgres.Testing.NUnit;

/// <summary>
/// Base class of tests that each have a database of their own: a clone of a template that all classes share. An object for each test, so that
/// <c>[Parallelizable(ParallelScope.All)]</c> is safe.
/// </summary>
/// <typeparam name="TTemplate">What the database contains at the start of each test.</typeparam>
/// <example>
/// <code>
/// [Parallelizable(ParallelScope.All)]
/// public sealed class OrderTests : PostgresTest&lt;ShopTemplate&gt;
/// {
///     [Test]
///     public async Task Orders_are_counted() { await using var connection = await DataSource.OpenConnectionAsync(); ... }
/// }
/// </code>
/// </example>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public abstract class PostgresTest<TTemplate>
    where TTemplate : PostgresTemplateDefinition, new()
{
    private PostgresInstance? _postgres;

    /// <summary>This test's database. Not there yet in the constructor.</summary>
    protected PostgresInstance Postgres => _postgres
        ?? throw new InvalidOperationException("the database is made after the constructor: use it in the test or in a method with [SetUp]");

    /// <summary>Connections to it.</summary>
    protected NpgsqlDataSource DataSource => Postgres.DataSource;

    /// <summary>Makes the database; runs before [SetUp] methods of derived classes.</summary>
    [SetUp]
    public async Task ClonePostgresAsync() => _postgres = await SharedTemplate.CloneAsync<TTemplate>().ConfigureAwait(false);

    /// <summary>Removes the database; runs after [TearDown] methods of derived classes.</summary>
    [TearDown]
    public async Task DisposePostgresAsync()
    {
        if (_postgres is not null)
        {
            await _postgres.DisposeAsync().ConfigureAwait(false);
        }
    }
}
