using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Pocketgres.Testing.Xunit;
using Shop;

namespace Pocketgres.Samples.Tests;

/// <summary>A whole web application in each test, on a database of its own: the clone's connection string takes the place of the application's URL.</summary>
public sealed class WebApplicationTests : PostgresTest<ShopTemplate>
{
    [Fact]
    public async Task Orders_are_listed()
    {
        await using var shop = new ShopFactory(Postgres);
        using var client = shop.CreateClient();
        var orders = await client.GetFromJsonAsync<JsonElement>("/orders");
        Assert.Equal(["Ada", "Brian"], orders.EnumerateArray().Select(o => o.GetProperty("customer").GetString()));
    }

    [Fact]
    public async Task Orders_are_placed()
    {
        await using var shop = new ShopFactory(Postgres);
        using var client = shop.CreateClient();
        using var response = await client.PostAsJsonAsync("/orders", new NewOrder("Cleo", 12.34m));
        Assert.Equal(HttpStatusCode.Created, response.StatusCode);

        // The test looks into the database itself.
        await using var command = DataSource.CreateCommand("SELECT \"Total\" FROM \"Orders\" WHERE \"Customer\" = 'Cleo'");
        Assert.Equal(12.34m, await command.ExecuteScalarAsync());
    }

    [Fact]
    public async Task The_application_is_healthy()
    {
        await using var shop = new ShopFactory(Postgres);
        using var client = shop.CreateClient();
        Assert.Equal("Healthy", await client.GetStringAsync("/health"));
    }

    [Fact]
    public async Task The_application_runs_an_instance_of_its_own_too()
    {
        await using var shop = new WebApplicationFactory<ShopContext>().WithWebHostBuilder(b => b.UseSetting("Pocketgres:Url", "memory:"));
        using var client = shop.CreateClient();
        Assert.Empty((await client.GetFromJsonAsync<JsonElement>("/orders")).EnumerateArray());
    }

    private sealed class ShopFactory(PostgresInstance postgres) : WebApplicationFactory<ShopContext>
    {
        protected override void ConfigureWebHost(IWebHostBuilder builder) => builder.UseSetting("Pocketgres:Url", postgres.ConnectionString);
    }
}
