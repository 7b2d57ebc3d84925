using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>A cluster's life in Azure Blob Storage, as its own emulator has it.</summary>
public class AzureServerTests
{
    readonly string _container = Azurite.NewContainer();

    [Fact]
    public Task A_cluster_is_loaded_killed_woken_put_to_sleep_branched_and_taken_over() => new ClusterLife(Url, Azurite.Variables).RunAsync();

    [Fact]
    public async Task A_NET_program_has_its_cluster_there()
    {
        Environment.SetEnvironmentVariable("AZURE_STORAGE_KEY", Azurite.Key);
        for (int life = 0; life < 2; life++)
        {
            await using var postgres = await PostgresInstance.StartAsync(Url("api"));
            await using var session = await postgres.DataSource.OpenConnectionAsync();
            await session.ExecuteAsync("create table if not exists t (i int); insert into t values (1)");
            Assert.Equal(life + 1, await session.ScalarAsync<long>("select count(*) from t"));
        }
    }

    string Url(string prefix) => $"az://{_container}/{prefix}?endpoint={Azurite.Endpoint}";
}
