using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Server.Tests.Sessions;

/// <summary>Several databases in one cluster.</summary>
[Collection(SharedServer.Name)]
public class DatabaseTests(ServerFixture fixture) : SessionTest(fixture)
{
    [Theory]
    [InlineData("wal_log")]
    [InlineData("file_copy")]
    public async Task Create_connect_and_drop_with_force(string strategy)
    {
        NpgsqlConnection session = await OpenAsync();
        await session.ExecuteAsync($"create database {Schema} strategy {strategy}");
        try
        {
            await using NpgsqlConnection inside = await Server.OpenAsync(Schema);
            Assert.Equal(Schema, await inside.ScalarAsync<string>("select current_database()"));
            await inside.ExecuteAsync("create table only_here (v int)");
            Assert.Null(await session.ScalarAsync<string>("select to_regclass('public.only_here')::text"));
            await session.ExecuteAsync($"drop database {Schema}").FailsAsync("55006");

            Task victim = inside.WaitAsync();
            await session.ExecuteAsync($"drop database {Schema} with (force)");
            await victim.FailsAsync("57P01");
        }
        finally
        {
            await session.ExecuteAsync($"drop database if exists {Schema} with (force)");
        }

        await Assert.ThrowsAsync<PostgresException>(() => Server.OpenAsync(Schema)).ContinueWith(
            task => Assert.Equal("3D000", task.Result.SqlState), TaskScheduler.Default);
    }

    [Fact]
    public async Task A_template_is_copied_with_its_data()
    {
        NpgsqlConnection session = await OpenAsync();
        string copy = Schema + "_copy";
        await session.ExecuteAsync($"create database {Schema}");
        try
        {
            await using (NpgsqlConnection inside = await Server.OpenAsync(Schema))
            {
                await inside.ExecuteAsync("create table t as select generate_series(1, 1000) v");
                int pid = inside.ProcessID;
                await inside.CloseAsync();
                await Observer.WaitForEndAsync(pid);
            }

            await session.ExecuteAsync($"create database {copy} template {Schema}");
            await using NpgsqlConnection inCopy = await Server.OpenAsync(copy);
            Assert.Equal(1000, await inCopy.ScalarAsync<long>("select count(*) from t"));
        }
        finally
        {
            await session.ExecuteAsync($"drop database if exists {copy} with (force)");
            await session.ExecuteAsync($"drop database if exists {Schema} with (force)");
        }
    }

    [Fact]
    public async Task Connection_limits_and_unknown_roles_are_refused_with_their_own_states()
    {
        var builder = new NpgsqlConnectionStringBuilder(Server.ConnectionString()) { Username = "nobody_" + Schema };
        await using var unknown = new NpgsqlConnection(builder.ConnectionString);
        await unknown.OpenAsync().FailsAsync("28000");

        await Observer.ExecuteAsync($"create role limited_{Schema} login connection limit 1");
        try
        {
            builder.Username = "limited_" + Schema;
            await using var first = new NpgsqlConnection(builder.ConnectionString);
            await first.OpenAsync();
            await using var second = new NpgsqlConnection(builder.ConnectionString);
            await second.OpenAsync().FailsAsync("53300");
            int pid = first.ProcessID;
            await first.CloseAsync();
            await Observer.WaitForEndAsync(pid);
        }
        finally
        {
            await Observer.ExecuteAsync($"drop role limited_{Schema}");
        }
    }
}
