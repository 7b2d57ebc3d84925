using Microsoft.EntityFrameworkCore;
using Npgsql;
using Shop;

var builder = WebApplication.CreateBuilder(args);

// "Pocketgres": { "Url": "file:./data" } in appsettings.json; postgres://... in production, where a server is.
builder.Services.AddPocketgres(builder.Configuration.GetSection("Pocketgres"));
builder.Services.AddDbContext<ShopContext>((services, options) => options.UseNpgsql(services.GetRequiredService<NpgsqlDataSource>()));

var app = builder.Build();
await using (var scope = app.Services.CreateAsyncScope())
{
    await scope.ServiceProvider.GetRequiredService<ShopContext>().Database.MigrateAsync();
}

app.MapGet("/orders", (ShopContext shop) => shop.Orders.OrderBy(o => o.Id).Select(o => new { o.Id, o.Customer, o.Total }).ToListAsync());
app.MapPost("/orders", async (NewOrder order, ShopContext shop) =>
{
    var added = shop.Orders.Add(new Order { Customer = order.Customer, Total = order.Total });
    await shop.SaveChangesAsync();
    return Results.Created($"/orders/{added.Entity.Id}", added.Entity.Id);
});
app.MapHealthChecks("/health");
await app.RunAsync();
