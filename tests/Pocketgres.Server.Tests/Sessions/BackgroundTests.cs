using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>The background processes do their work by themselves.</summary>
public class BackgroundTests(BackgroundTests.Fixture fixture) : SessionTest(fixture), IClassFixture<BackgroundTests.Fixture>
{
    public sealed class Fixture : ServerFixture
    {
        private protected override ServerOptions Options => new()
        {
            Settings = new Dictionary<string, string>
            {
                ["autovacuum_naptime"] = "1s",
                ["checkpoint_timeout"] = "30s",
                ["checkpoint_completion_target"] = "0",
            },
        };
    }

    [Fact]
    public async Task Autovacuum_vacuums_and_analyzes()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("""
            create table t (v int) with (autovacuum_vacuum_threshold = 10, autovacuum_vacuum_scale_factor = 0,
                autovacuum_analyze_threshold = 10, autovacuum_analyze_scale_factor = 0);
            insert into t select generate_series(1, 5000)
            """);
        await session.ExecuteAsync("delete from t where v % 2 = 0");
        await Wait.UntilAsync(
            () => Observer.ScalarAsync<bool>(
                "select autovacuum_count > 0 and autoanalyze_count > 0 and n_dead_tup = 0 from pg_stat_all_tables where relid = 't'::regclass"),
            "autovacuum has vacuumed and analyzed the table", TimeSpan.FromSeconds(90));
        Assert.Equal(2500, await session.ScalarAsync<float>("select reltuples from pg_class where oid = 't'::regclass"));
    }

    [Fact]
    public async Task Checkpoints_come_by_the_clock()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create table t as select generate_series(1, 1000) v");
        long timed = await Observer.ScalarAsync<long>("select num_timed from pg_stat_checkpointer");
        string redo = await Observer.ScalarAsync<string>("select redo_lsn::text from pg_control_checkpoint()");
        await Wait.UntilAsync(
            async () =>
            {
                await Observer.ExecuteAsync("select pg_stat_clear_snapshot()");
                return await Observer.ScalarAsync<bool>(
                    "select num_timed > $1 and redo_lsn > $2::pg_lsn from pg_stat_checkpointer, pg_control_checkpoint()", timed, redo);
            },
            "a timed checkpoint", TimeSpan.FromSeconds(75));
    }

    [Fact]
    public async Task An_explicit_checkpoint_is_done_when_the_statement_is()
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync("create table t as select generate_series(1, 10000) v");
        string written = await session.ScalarAsync<string>("select pg_current_wal_lsn()::text");
        long requested = await Observer.ScalarAsync<long>("select num_requested from pg_stat_checkpointer");
        await session.ExecuteAsync("checkpoint");
        Assert.True(await Observer.ScalarAsync<bool>("select redo_lsn >= $1::pg_lsn from pg_control_checkpoint()", written));
        await Wait.UntilAsync(
            () => Observer.ScalarAsync<bool>("select num_requested > $1 from pg_stat_checkpointer", requested), "the requested checkpoint is counted");
    }

    [Fact]
    public async Task The_usual_processes_are_there()
    {
        List<string> types = await Observer.ColumnAsync<string>("select distinct backend_type from pg_stat_activity");
        Assert.Superset(
            new HashSet<string> { "autovacuum launcher", "background writer", "checkpointer", "client backend", "walwriter" },
            types.ToHashSet());
    }
}
