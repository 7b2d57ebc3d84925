using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Clients;

/// <summary>A database of a test's own, dropped with it.</summary>
sealed class ClientDatabase(TestServer server) : IAsyncDisposable
{
    public string Name { get; } = $"db{Guid.NewGuid():N}";

    public static async Task<ClientDatabase> CreateAsync(TestServer server)
    {
        var database = new ClientDatabase(server);
        await using NpgsqlConnection connection = await server.OpenAsync();
        await connection.ExecuteAsync($"create database {database.Name}");
        return database;
    }

    public async ValueTask DisposeAsync()
    {
        await using NpgsqlConnection connection = await server.OpenAsync();
        await connection.ExecuteAsync($"drop database if exists {Name} with (force)");
    }
}
