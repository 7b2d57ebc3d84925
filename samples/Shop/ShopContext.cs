using Microsoft.EntityFrameworkCore;

namespace Shop;

/// <summary>The shop's database.</summary>
public sealed class ShopContext(DbContextOptions<ShopContext> options) : DbContext(options)
{
    public DbSet<Order> Orders => Set<Order>();

    protected override void OnModelCreating(ModelBuilder modelBuilder) =>
        modelBuilder.Entity<Order>(order =>
        {
            order.Property(o => o.Customer).HasMaxLength(200);
            order.Property(o => o.Total).HasPrecision(12, 2);
            order.HasIndex(o => o.Customer);
        });
}

/// <summary>An order.</summary>
public sealed class Order
{
    public int Id { get; set; }

    public required string Customer { get; set; }

    public decimal Total { get; set; }

    public DateTime PlacedAt { get; set; } = DateTime.UtcNow;

    /// <summary>A PostgreSQL array.</summary>
    public List<string> Tags { get; set; } = [];
}

/// <summary>What a client sends.</summary>
public sealed record NewOrder(string Customer, decimal Total);
