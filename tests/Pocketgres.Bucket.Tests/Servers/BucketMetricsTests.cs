using System.Globalization;
using System.Text.Json;
using Pocketgres.Bucket.Tests.Stores;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Servers;

/// <summary>What `/metrics` of a server whose home is a bucket says of it.</summary>
public sealed class BucketMetricsTests
{
    [Fact]
    public async Task Requests_bytes_and_what_is_not_there_yet_are_metrics()
    {
        using var store = new MeteredObjectStore(new MemoryObjectStore());
        using S3Server s3 = TestCredentials.Serve(store);
        await using CliServer server = await CliServer.StartAsync(
        [
            "serve", $"s3://bucket/metered?endpoint={s3.Endpoint}&puts=0", "--port", "0", "--http", "0", "--parent-pid", Environment.ProcessId.ToString(CultureInfo.InvariantCulture),
        ]);
        var url = new Uri(string.Create(CultureInfo.InvariantCulture, $"http://127.0.0.1:{JsonDocument.Parse(server.ReadyLine).RootElement.GetProperty("httpPort").GetInt32()}/metrics"));
        using var http = new HttpClient();
        var before = await PrometheusMetric.ParseAsync(await http.GetStringAsync(url));
        await using (NpgsqlConnection session = await server.OpenAsync())
        {
            await session.ExecuteAsync("create table t as select i, repeat('x', 100) from generate_series(1, 10000) i");
        }

        var after = before;
        await Wait.UntilAsync(async () =>
        {
            after = await PrometheusMetric.ParseAsync(await http.GetStringAsync(url));
            return after["pocketgres_bucket_log_pending_bytes"][""] == 0;
        }, "everything is in the bucket");
        Assert.InRange(Rise("pocketgres_bucket_log_bytes_total"), 1_000_000, 10_000_000);
        Assert.True(Rise("pocketgres_bucket_store_bytes_total", "direction=written") > 10_000); // compressed
        Assert.True(Rise("pocketgres_bucket_log_record") >= 1);
        Assert.True(Rise("pocketgres_bucket_requests_total", "kind=put") >= Rise("pocketgres_bucket_log_record"));
        Assert.InRange(after["pocketgres_bucket_requests_total"]["kind=put"], 1, store.Puts);
        Assert.InRange(after["pocketgres_bucket_image_record"][""], 1, after["pocketgres_bucket_log_record"][""]);
        Assert.True(after["pocketgres_bucket_local_bytes"][""] > 1_000_000);
        Assert.Equal(0, await server.StopAsync());

        double Rise(string name, string labels = "") => after[name][labels] - before[name][labels];
    }
}
