using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Stress;

/// <summary>Moves money between two accounts: the sum of all balances stays.</summary>
sealed class TransferActor(TestServer server, string isolation) : Actor(server)
{
    public override string Name => $"transfer, {isolation}";

    protected override async Task ActAsync(NpgsqlConnection session)
    {
        int source = Random.Shared.Next(1, 51);
        int target = 1 + (source + Random.Shared.Next(0, 49)) % 50;
        long amount = Random.Shared.Next(1, 20);
        await session.ExecuteAsync("begin isolation level " + isolation);
        await session.ExecuteAsync("update account set balance = balance - $2 where id = $1", source, amount);
        await session.ExecuteAsync("update account set balance = balance + $2 where id = $1", target, amount);
        await session.ExecuteAsync("insert into transfer (source, target, amount) values ($1, $2, $3)", source, target, amount);
        await session.ExecuteAsync("commit");
    }
}

/// <summary>Whatever moment it looks at, the sum is the same.</summary>
sealed class AuditActor(TestServer server, long total) : Actor(server)
{
    protected override async Task ActAsync(NpgsqlConnection session)
    {
        Assert.Equal(total, await session.ScalarAsync<long>("select sum(balance) from account"));
        Assert.True(await session.ScalarAsync<bool>("select count(*) >= 0 from transfer where amount > 0"));
    }
}

/// <summary>Creates, alters and drops, also under the writers' feet.</summary>
sealed class SchemaActor(TestServer server) : Actor(server)
{
    int _round;

    protected override async Task ActAsync(NpgsqlConnection session)
    {
        string name = $"ddl_{_round++}";
        await session.ExecuteAsync("set lock_timeout = '2s'");
        await session.ExecuteAsync($"create table {name} as select i, md5(i::text) v from generate_series(1, 2000) i");
        await session.ExecuteAsync($"create index on {name} (v); alter table {name} add column w int default 7; create view {name}_view as select v, w from {name}");
        Assert.Equal(14_000, await session.ScalarAsync<long>($"select sum(w) from {name}_view"));
        await session.ExecuteAsync($"begin; truncate {name}; rollback");
        Assert.Equal(2000, await session.ScalarAsync<long>($"select count(*) from {name}"));
        await session.ExecuteAsync("alter table account add column if not exists note text");
        await session.ExecuteAsync("alter table account drop column if exists note");
        await session.ExecuteAsync("analyze account");
        await session.ExecuteAsync($"drop table {name} cascade");
        if (_round % 10 == 0)
        {
            await session.ExecuteAsync("vacuum account");
        }
    }
}

/// <summary>Connects, asks one thing and leaves, now and then in the middle of a transaction.</summary>
sealed class ChurnActor(TestServer server) : Actor(server)
{
    protected override async Task ActAsync(NpgsqlConnection session)
    {
        await using NpgsqlConnection visitor = await Server.OpenAsync();
        Assert.Equal(visitor.ProcessID, await visitor.ScalarAsync<int>("select pg_backend_pid()"));
        if (Random.Shared.Next(4) == 0)
        {
            await visitor.ExecuteAsync("begin; select * from account for share limit 1");
        }
    }
}

/// <summary>Cancels and terminates the others at random moments. Its own session's name is not "stress", so nobody ends the one who ends.</summary>
sealed class InterruptActor(TestServer server) : Actor(server)
{
    protected override async Task ActAsync(NpgsqlConnection session)
    {
        string function = Random.Shared.Next(5) == 0 ? "pg_terminate_backend" : "pg_cancel_backend";
        await session.ExecuteAsync("set application_name = 'interrupter'");
        await session.ExecuteAsync($"""
            select {function}(pid) from (
                select pid from pg_stat_activity where application_name like 'stress %' and pid <> pg_backend_pid() order by random() limit 1) s
            """);
        // The rest between two interrupts: the others must also get something done.
        await session.ExecuteAsync("select pg_sleep(0.02)");
    }
}

/// <summary>Makes deadlocks: two sessions lock two rows in opposite orders.</summary>
sealed class DeadlockActor(TestServer server) : Actor(server)
{
    public int Deadlocks { get; private set; }

    protected override async Task ActAsync(NpgsqlConnection session)
    {
        await using NpgsqlConnection other = await Server.OpenAsync();
        await session.ExecuteAsync("begin; update pair set n = n + 1 where id = 1");
        await other.ExecuteAsync("begin; update pair set n = n + 1 where id = 2");
        Task first = CrossAsync(session, 2);
        Task second = CrossAsync(other, 1);
        await Task.WhenAll(first, second);
    }

    async Task CrossAsync(NpgsqlConnection session, int id)
    {
        try
        {
            await session.ExecuteAsync("update pair set n = n + 1 where id = $1", id);
            await session.ExecuteAsync("commit");
        }
        catch (PostgresException exception) when (exception.SqlState == "40P01")
        {
            Deadlocks++;
            await session.ExecuteAsync("rollback");
        }
    }
}

/// <summary>Temporary tables, prepared statements, sorts that spill, exceptions that are caught: a session's private parts.</summary>
sealed class TemporaryActor(TestServer server) : Actor(server)
{
    protected override async Task ActAsync(NpgsqlConnection session)
    {
        await session.ExecuteAsync("set work_mem = '64kB'");
        await session.ExecuteAsync("create temp table if not exists scratch (i int, v text)");
        await session.ExecuteAsync("truncate scratch; insert into scratch select i, md5(i::text) from generate_series(1, 5000) i");
        Assert.Equal(5000, await session.ScalarAsync<long>("select count(*) from (select v from scratch order by v offset 0) s"));
        await session.ExecuteAsync("""
            do $$ begin
                for i in 1..20 loop
                    begin
                        perform 1 / (i % 2);
                    exception when division_by_zero then null;
                    end;
                end loop;
            end $$
            """);
    }
}
