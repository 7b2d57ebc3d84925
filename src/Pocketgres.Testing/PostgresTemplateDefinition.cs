namespace Pocketgres.Testing;

/// <summary>What a template contains: derive, and name the class where a base class of tests asks for one.</summary>
/// <example>
/// <code>
/// public sealed class ShopTemplate : PostgresTemplateDefinition
/// {
///     public override async Task BuildAsync(PostgresInstance postgres, CancellationToken cancellationToken) { ... }
/// }
/// </code>
/// </example>
public abstract class PostgresTemplateDefinition
{
    /// <summary>How to run the databases; by default where <see cref="TestDatabase.Url"/> says.</summary>
    public virtual PostgresInstanceOptions Options => TestDatabase.Options;

    /// <summary>Fills the empty database: migrations, seed data.</summary>
    public abstract Task BuildAsync(PostgresInstance postgres, CancellationToken cancellationToken);
}

/// <summary>An empty database.</summary>
public sealed class EmptyTemplate : PostgresTemplateDefinition
{
    /// <inheritdoc/>
    public override Task BuildAsync(PostgresInstance postgres, CancellationToken cancellationToken) => Task.CompletedTask;
}
