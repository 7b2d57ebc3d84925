using System.Globalization;
using System.Text.RegularExpressions;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>Hash joins, whose tuples have another layout than PostgreSQL's (eng/engine/hashtuple.h, hashjoin.sed).</summary>
[Collection(SharedServer.Name)]
public class HashJoinTests(ServerFixture fixture) : SessionTest(fixture)
{
    [OursFact]
    public async Task A_tuple_of_two_integers_takes_32_bytes_of_a_hash_table_and_a_bucket_4()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create table a as select i k, i v from generate_series(1, 100000) i; create table b as table a; analyze a, b; " +
            "set work_mem = '64MB'; set enable_mergejoin = off; set enable_nestloop = off; set max_parallel_workers_per_gather = 0");
        string plan = string.Join('\n', await session.ColumnAsync<string>("explain (analyze, costs off) select sum(a.v + b.v) from a join b using (k)"));
        Match hash = Regex.Match(plan, @"Buckets: 131072  Batches: 1  Memory Usage: (\d+)kB");
        Assert.True(hash.Success, plan);
        Assert.InRange(int.Parse(hash.Groups[1].Value, CultureInfo.InvariantCulture), 3_125 + 512, 3_200 + 512); // 3,907 with 40 bytes a tuple, 1,024 with 8 a bucket
    }

    /// <summary>In memory, in batches on disk, with a skewed outer side, and in parallel; what finds no partner needs the marks of those that did.</summary>
    [Theory]
    [InlineData("64MB", 0)]
    [InlineData("64kB", 0)]
    [InlineData("64MB", 2)]
    [InlineData("64kB", 2)]
    public async Task Hash_joins_find_what_merge_joins_find(string memory, int workers)
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create table a as select case when i % 5 = 0 then 7 when i % 11 = 0 then null else i * 7919::bigint % 60000 end k, repeat('a', i % 40) v from generate_series(1, 50000) i; " +
            "create table b as select case when i % 13 = 0 then null else i end k, repeat('b', i % 30) v from generate_series(1, 40000) i; analyze a, b; " +
            $"set work_mem = '{memory}'; set hash_mem_multiplier = 1; set enable_nestloop = off; set max_parallel_workers_per_gather = {workers}; set min_parallel_table_scan_size = 0; " +
            "set parallel_setup_cost = 0; set parallel_tuple_cost = 0");
        foreach (string join in (string[])["join", "left join", "right join", "full join"])
        {
            string query = $"select count(*)::text || ' ' || sum(hashtextextended(concat_ws('|', a.k, a.v, b.k, b.v), 0)::numeric) from a {join} b on a.k = b.k";
            await session.ExecuteAsync("set enable_hashjoin = on; set enable_mergejoin = off");
            Assert.Contains("Hash", await session.ScalarAsync<string>("explain (format json, costs off) " + query), StringComparison.Ordinal);
            string hashed = await session.ScalarAsync<string>(query);
            await session.ExecuteAsync("set enable_hashjoin = off; set enable_mergejoin = on");
            Assert.Equal(await session.ScalarAsync<string>(query), hashed);
        }
    }
}
