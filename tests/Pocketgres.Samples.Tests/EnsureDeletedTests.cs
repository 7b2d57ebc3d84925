using Microsoft.EntityFrameworkCore;
using Shop;

namespace Pocketgres.Samples.Tests;

/// <summary>Entity Framework's EnsureDeleted drops a database from another one, "postgres" unless it is told otherwise: not from itself.</summary>
public class EnsureDeletedTests
{
    [Fact]
    public async Task A_database_of_its_own_is_deleted_and_made_again()
    {
        await using var postgres = await PostgresInstance.StartAsync(new PostgresInstanceOptions { Url = "memory:", Database = "shop" });
        await using var shop = ShopTemplate.Open(postgres);
        await DeleteAndCreateAsync(shop);
    }

    [Fact]
    public async Task The_default_database_is_deleted_from_another_one()
    {
        await using var postgres = await PostgresInstance.StartAsync("memory:");
        await using var shop = new ShopContext(new DbContextOptionsBuilder<ShopContext>().UseNpgsql(postgres.DataSource, o => o.UseAdminDatabase("template1")).Options);
        await DeleteAndCreateAsync(shop);
    }

    private static async Task DeleteAndCreateAsync(ShopContext shop)
    {
        await shop.Database.MigrateAsync();
        shop.Orders.Add(new Order { Customer = "Ada", Total = 1 });
        await shop.SaveChangesAsync();
        Assert.True(await shop.Database.EnsureDeletedAsync());
        Assert.True(await shop.Database.EnsureCreatedAsync());
        Assert.Equal(0, await shop.Orders.CountAsync());
    }
}
