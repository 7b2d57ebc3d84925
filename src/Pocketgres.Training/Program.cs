using Pocketgres.Engine;
using Pocketgres.Training;

if (args.Length is not (1 or 2))
{
    Console.Error.WriteLine("usage: Pocketgres.Training ENGINE-DIR [DATA-DIR]: runs the workload that the engine's code is profiled with, in memory or in a new directory");
    return 2;
}

string sockets = Directory.CreateTempSubdirectory("pocketgres-training-").FullName;
try
{
    await using var cluster = await PostgresCluster.StartAsync(new ClusterOptions
    {
        EngineFiles = new EngineFiles(args[0]),
        DataDirectory = args.Length > 1 ? args[1] : null,
        ListenAddress = null,
        UnixSocketDirectory = sockets,
        Settings = new Dictionary<string, string> { ["wal_level"] = "logical", ["work_mem"] = "16MB", ["max_wal_size"] = "256MB", ["jit"] = "off" },
    });
    await new Workload(sockets, cluster.Port).RunAsync();
    await cluster.StopAsync();
    return 0;
}
finally
{
    Directory.Delete(sockets, recursive: true);
}
