using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Pocketgres.Hosting;

namespace Pocketgres.Api.Tests;

/// <summary>services.AddPocketgres().</summary>
public sealed class HostingTests
{
    [Fact]
    public async Task The_database_is_there_before_other_services_start_and_after_they_stop()
    {
        var builder = Host.CreateApplicationBuilder();
        var events = new List<string>();
        builder.Services.AddSingleton(events);
        builder.Services.AddHostedService<Worker>(); // before AddPocketgres: the order must not matter
        builder.Services.AddPocketgres("memory:", o => o.OnStateChanged = (_, state) => events.Add(state.ToString()));
        using (var host = builder.Build())
        {
            await host.StartAsync();
            await host.StopAsync();
        }

        Assert.Equal(["Running", "worker started: 1", "worker stopped: 2", "Stopping", "Stopped"], events);
    }

    [Fact]
    public async Task Whoever_asks_before_the_host_starts_gets_a_database()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddPocketgres("memory:");
        using var host = builder.Build();
        await using (var migration = host.Services.GetRequiredService<NpgsqlDataSource>().CreateCommand("CREATE TABLE t AS SELECT 5 AS n"))
        {
            await migration.ExecuteNonQueryAsync();
        }

        await host.StartAsync();
        await using var connection = host.Services.GetRequiredService<NpgsqlConnection>();
        await connection.OpenAsync();
        Assert.Equal(5, await new NpgsqlCommand("SELECT n FROM t", connection).ExecuteScalarAsync());
        await host.StopAsync();
    }

    [Fact]
    public async Task The_health_check_follows_the_instance()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddPocketgres("memory:");
        using var host = builder.Build();
        var health = host.Services.GetRequiredService<HealthCheckService>();
        Assert.Equal(HealthStatus.Unhealthy, (await health.CheckHealthAsync()).Status);
        await host.StartAsync();
        var report = await health.CheckHealthAsync();
        Assert.Equal(HealthStatus.Healthy, report.Entries[PocketgresServiceCollectionExtensions.HealthCheckName].Status);
        await host.StopAsync();
        Assert.Equal(HealthStatus.Unhealthy, (await health.CheckHealthAsync()).Status);
    }

    [Fact]
    public async Task Options_come_from_configuration()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Pocketgres:Url"] = "memory:",
            ["Pocketgres:Database"] = "shop",
            ["Pocketgres:Port"] = "0",
            ["Pocketgres:StopTimeout"] = "00:00:05",
            ["Pocketgres:Settings:work_mem"] = "6MB",
        });
        builder.Services.AddPocketgres(builder.Configuration.GetSection("Pocketgres"));
        using var host = builder.Build();
        await host.StartAsync();
        var source = host.Services.GetRequiredService<NpgsqlDataSource>();
        await using var command = source.CreateCommand("SELECT current_database() || ' ' || current_setting('work_mem')");
        Assert.Equal("shop 6MB", await command.ExecuteScalarAsync());
        Assert.NotNull(host.Services.GetRequiredService<PocketgresHost>().Instance.Port);
        await host.StopAsync();
    }

    [Fact]
    public async Task A_single_configuration_value_is_the_url()
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(new Dictionary<string, string?> { ["Db"] = "memory:" }).Build();
        await using var services = new ServiceCollection().AddPocketgres(configuration.GetSection("Db")).BuildServiceProvider();
        Assert.Equal("memory:", services.GetRequiredService<PocketgresHost>().Instance.Url);
    }

    [Fact]
    public void Misuse_is_explained()
    {
        var services = new ServiceCollection().AddPocketgres("memory:");
        Assert.Contains("called before", Assert.Throws<InvalidOperationException>(() => services.AddPocketgres("memory:")).Message, StringComparison.Ordinal);
        var empty = new ConfigurationBuilder().Build();
        var e = Assert.Throws<PocketgresException>(() => new ServiceCollection().AddPocketgres(empty.GetSection("Pocketgres")));
        Assert.Contains("no section \"Pocketgres\"", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_start_that_fails_fails_the_host_with_the_reason()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddPocketgres("nonsense");
        using var host = builder.Build();
        var e = await Assert.ThrowsAsync<PocketgresException>(() => host.StartAsync());
        Assert.Contains("file:./nonsense", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_database_that_ends_by_itself_ends_the_application()
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Services.AddPocketgres("memory:");
        using var host = builder.Build();
        await host.StartAsync();
        var stopping = new TaskCompletionSource();
        host.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(stopping.SetResult);
        var instance = host.Services.GetRequiredService<PocketgresHost>().Instance;
        ((Backends.EmbeddedBackend)instance.Backend).Server.CrashProcess(42); // the postmaster
        await stopping.Task.WaitAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(PostgresInstanceState.Failed, instance.State);
        await host.StopAsync();
    }

    private sealed class Worker(NpgsqlDataSource source, List<string> events) : IHostedService
    {
        public async Task StartAsync(CancellationToken cancellationToken) => events.Add("worker started: " + await CountAsync(1));

        public async Task StopAsync(CancellationToken cancellationToken) => events.Add("worker stopped: " + await CountAsync(2));

        private async Task<object?> CountAsync(int n)
        {
            await using var command = source.CreateCommand($"SELECT {n}");
            return await command.ExecuteScalarAsync();
        }
    }
}
