namespace Pocketgres.Api.Tests.Support;

/// <summary>Where the tests' databases are: POCKETGRES_URL, in memory by default.</summary>
internal static class Database
{
    public static string Url { get; } = Environment.GetEnvironmentVariable("POCKETGRES_URL") is { Length: > 0 } url ? url : "memory:";

    public static bool IsExternal => !Url.StartsWith("memory:", StringComparison.Ordinal) && !Url.StartsWith("file:", StringComparison.Ordinal);

    public static Task<PostgresInstance> StartAsync(Func<PostgresInstanceOptions, PostgresInstanceOptions>? configure = null)
    {
        var options = new PostgresInstanceOptions { Url = Url };
        return PostgresInstance.StartTemporaryAsync(configure?.Invoke(options) ?? options);
    }

    public static async Task ExecuteAsync(this PostgresInstance instance, string sql)
    {
        await using var command = instance.DataSource.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public static async Task<T> QueryAsync<T>(this PostgresInstance instance, string sql)
    {
        await using var command = instance.DataSource.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Waits until a condition holds, as another session sees it.</summary>
    public static async Task UntilAsync(this PostgresInstance instance, string condition)
    {
        for (var deadline = DateTime.UtcNow.AddSeconds(60); !await instance.QueryAsync<bool>($"SELECT {condition}"); await Task.Delay(5))
        {
            Assert.True(DateTime.UtcNow < deadline, $"never true: {condition}");
        }
    }
}
