using Microsoft.EntityFrameworkCore;
using Pocketgres.Testing;
using Shop;

namespace Pocketgres.Samples.Tests;

/// <summary>The shop's schema, from its migrations, and two orders: built once for all tests.</summary>
public sealed class ShopTemplate : PostgresTemplateDefinition
{
    public override async Task BuildAsync(PostgresInstance postgres, CancellationToken cancellationToken)
    {
        await using var shop = Open(postgres);
        await shop.Database.MigrateAsync(cancellationToken);
        shop.Orders.AddRange(new Order { Customer = "Ada", Total = 10.50m, Tags = ["gift"] }, new Order { Customer = "Brian", Total = 3 });
        await shop.SaveChangesAsync(cancellationToken);
    }

    public static ShopContext Open(PostgresInstance postgres) =>
        new(new DbContextOptionsBuilder<ShopContext>().UseNpgsql(postgres.DataSource).Options);
}
