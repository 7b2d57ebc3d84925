using Microsoft.EntityFrameworkCore;
using Pocketgres.Testing.Xunit;
using Shop;

namespace Pocketgres.Samples.Tests;

/// <summary>Entity Framework: migrations in the template, a database for each test.</summary>
public sealed class EntityFrameworkTests : PostgresTest<ShopTemplate>
{
    [Fact]
    public async Task All_migrations_are_applied()
    {
        await using var shop = ShopTemplate.Open(Postgres);
        Assert.Empty(await shop.Database.GetPendingMigrationsAsync());
        Assert.Equal(2, (await shop.Database.GetAppliedMigrationsAsync()).Count());
    }

    [Fact]
    public async Task Queries_changes_and_arrays_work()
    {
        await using var shop = ShopTemplate.Open(Postgres);
        var gift = await shop.Orders.SingleAsync(o => o.Tags.Contains("gift"));
        Assert.Equal("Ada", gift.Customer);
        gift.Total += 1;
        shop.Orders.Add(new Order { Customer = "Cleo", Total = 7 });
        await shop.SaveChangesAsync();
        shop.ChangeTracker.Clear();
        Assert.Equal(21.50m, await shop.Orders.SumAsync(o => o.Total));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task No_test_sees_what_another_did(int n)
    {
        await using var shop = ShopTemplate.Open(Postgres);
        Assert.Equal(2, await shop.Orders.CountAsync());
        shop.Orders.Add(new Order { Customer = $"only in test {n}", Total = n });
        await shop.SaveChangesAsync();
        Assert.Equal(3, await shop.Orders.CountAsync());
    }

    [Fact]
    public async Task Migrations_go_down_and_up()
    {
        await using var shop = ShopTemplate.Open(Postgres);
        await shop.Database.MigrateAsync("Initial");
        Assert.Single(await shop.Database.GetPendingMigrationsAsync());
        await shop.Database.MigrateAsync();
        Assert.Equal(2, await shop.Orders.CountAsync());
    }
}
