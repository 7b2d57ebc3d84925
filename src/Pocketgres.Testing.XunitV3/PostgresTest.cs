using Npgsql;
using Xunit;

namespace Pocketgres.Testing.XunitV3;

/// <summary>Base class of tests that each have a database of their own: a clone of a template that all classes share. Safe for parallel tests.</summary>
/// <typeparam name="TTemplate">What the database contains at the start of each test.</typeparam>
/// <example>
/// <code>
/// public sealed class OrderTests : PostgresTest&lt;ShopTemplate&gt;
/// {
///     [Fact]
///     public async Task Orders_are_counted() { await using var connection = await DataSource.OpenConnectionAsync(); ... }
/// }
/// </code>
/// </example>
public abstract class PostgresTest<TTemplate> : IAsyncLifetime
    where TTemplate : PostgresTemplateDefinition, new()
{
    private PostgresInstance? _postgres;

    /// <summary>This test's database. Not there yet in the constructor.</summary>
    protected PostgresInstance Postgres => _postgres
        ?? throw new InvalidOperationException("the database is made after the constructor: use it in the test, or override InitializeAsync and call base.InitializeAsync() first");

    /// <summary>Connections to it.</summary>
    protected NpgsqlDataSource DataSource => Postgres.DataSource;

    /// <inheritdoc/>
    public virtual async ValueTask InitializeAsync() => _postgres = await SharedTemplate.CloneAsync<TTemplate>(TestContext.Current.CancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_postgres is not null)
        {
            await _postgres.DisposeAsync().ConfigureAwait(false);
        }
    }
}

/// <summary>A database that the tests of one class share, for <c>IClassFixture</c>, or those of a collection or assembly.</summary>
/// <typeparam name="TTemplate">What the database contains at the start.</typeparam>
public class PostgresFixture<TTemplate> : IAsyncLifetime
    where TTemplate : PostgresTemplateDefinition, new()
{
    private PostgresInstance? _postgres;

    /// <summary>The database.</summary>
    public PostgresInstance Postgres => _postgres ?? throw new InvalidOperationException("the database is made by InitializeAsync, which xUnit calls");

    /// <summary>Connections to it.</summary>
    public NpgsqlDataSource DataSource => Postgres.DataSource;

    /// <inheritdoc/>
    public virtual async ValueTask InitializeAsync() => _postgres = await SharedTemplate.CloneAsync<TTemplate>(TestContext.Current.CancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_postgres is not null)
        {
            await _postgres.DisposeAsync().ConfigureAwait(false);
        }
    }
}
