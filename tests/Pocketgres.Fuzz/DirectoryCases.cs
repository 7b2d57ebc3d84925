using System.Diagnostics;

namespace Pocketgres.Fuzz;

/// <summary>Damages copies of a data directory and starts a server on each: it must run, refuse or fail with words.</summary>
sealed class DirectoryCases(string cli, string work, Watch watch)
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    readonly string _template = Path.Combine(work, "template");

    int _ran, _refused;

    /// <summary>Directories on which a server ran, and on which it did not start.</summary>
    public (int Ran, int Refused) Counts => (_ran, _refused);

    /// <summary>Makes the directory that all cases are copies of: stopped cleanly in even cases, killed in odd ones.</summary>
    public async Task PrepareAsync(CancellationToken cancellation)
    {
        foreach (bool killed in (bool[])[false, true])
        {
            using var served = await ServedProcess.StartAsync(cli, ["file:" + _template + (killed ? "-killed" : ""), "-c", "max_wal_size=64MB"], cancellation);
            using var session = await Connection.LoginAsync(served.Target!, "postgres", cancellation);
            await session.RowsAsync("create table a as select i, md5(i::text) v, repeat(i::text, 3000) w from generate_series(1, 2000) i; create index on a (v); create index on a using gin (string_to_array(v, 'a'))", cancellation);
            await session.RowsAsync("vacuum analyze a", cancellation);
            await session.RowsAsync("update a set v = v || 'x' where i < 500", cancellation);
            if (!killed)
            {
                await served.StopAsync(s_patience);
            }
        }
    }

    /// <summary>Cases of one worker: most by a process that serves one directory after the other and is replaced now and then, each twentieth by the command line.</summary>
    /// <param name="next">Tells the next seed; null when there is none.</param>
    /// <param name="cancellation">Ends it after the case that it is at.</param>
    public async Task RunAsync(Func<int?> next, CancellationToken cancellation)
    {
        DirectoryServer? server = null;
        try
        {
            for (int served = 0; !cancellation.IsCancellationRequested && next() is { } seed; served++)
            {
                if (seed % 20 == 0)
                {
                    await CaseAsync(seed, ByCommandAsync);
                    continue;
                }

                if (served % 500 == 499)
                {
                    server?.Dispose();
                    server = null;
                }

                server ??= DirectoryServer.Start();
                if (!await CaseAsync(seed, (directory, random, done) => ByServerAsync(server, directory, random, done)))
                {
                    server.Dispose();
                    server = null;
                }
            }
        }
        finally
        {
            server?.Dispose();
        }
    }

    // Tells whether nothing was found.
    async Task<bool> CaseAsync(int seed, Func<string, Random, string?, Task<string?>> serve)
    {
        var random = new Random(seed);
        string directory = Path.Combine(work, $"case-{seed}");
        bool whileRunning = random.Next(4) == 0;
        using (var copy = Process.Start("cp", ["-a", "--reflink=auto", _template + (random.Next(2) == 0 ? "" : "-killed"), directory]))
        {
            await copy.WaitForExitAsync();
        }

        string? done = whileRunning ? null : Damage(random, directory);
        try
        {
            if (await serve(directory, random, done) is not { } wrong)
            {
                return true;
            }

            watch.Add($"seed {seed}: {wrong}");
        }
        catch (TimeoutException)
        {
            watch.Add($"seed {seed}: neither ready nor ended after {s_patience.TotalSeconds} s: {done}");
        }
        catch (IOException e)
        {
            watch.Add($"seed {seed}: {e.Message}: {done}");
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }

        return false;
    }

    async Task<string?> ByServerAsync(DirectoryServer server, string directory, Random random, string? done)
    {
        try
        {
            var (port, why) = await server.ServeAsync(directory, CancellationToken.None).WaitAsync(s_patience);
            if (port is null)
            {
                Interlocked.Increment(ref _refused);
                return string.IsNullOrWhiteSpace(why) ? $"refused without a reason: {done}" : null;
            }

            Interlocked.Increment(ref _ran);
            done ??= Damage(random, directory);
            await UseAsync(new Target(port.Value));
            await server.StopAsync(CancellationToken.None).WaitAsync(s_patience);
            return null;
        }
        catch (IOException e)
        {
            return $"{e.Message}: {done}: {server.Log}";
        }
    }

    async Task<string?> ByCommandAsync(string directory, Random random, string? done)
    {
        using var served = await ServedProcess.StartAsync(cli, ["file:" + directory], CancellationToken.None).WaitAsync(s_patience);
        if (served.Target is not { } target)
        {
            Interlocked.Increment(ref _refused);
            int? code = await served.StopAsync(s_patience);
            string last = served.Log.LastOrDefault(l => l.StartsWith("pocketgres: ", StringComparison.Ordinal)) ?? "";
            return code is 1 or 4 or 5 && last.Length > 0 ? null : $"exit code {code} without a reason: {done}: {string.Join(" | ", served.Log.TakeLast(3))}";
        }

        Interlocked.Increment(ref _ran);
        done ??= Damage(random, directory);
        await UseAsync(target);
        return await served.StopAsync(s_patience) is 0 or 1 ? null : $"the process ended by itself or only by SIGKILL: {done}: {string.Join(" | ", served.Log.TakeLast(3))}";
    }

    static async Task UseAsync(Target target)
    {
        using var limit = new CancellationTokenSource(s_patience);
        try
        {
            using var session = await Connection.LoginAsync(target, "postgres", limit.Token);
            foreach (string sql in (string[])
                [
                    "set statement_timeout = '5s'", "select count(*), sum(length(w)) from a", "set enable_seqscan = off; select count(*) from a where v > '5'",
                    "select * from a where string_to_array(v, 'a') @> array['1']", "update a set i = i + 1 where i < 100", "select count(*) from pg_class, pg_attribute where attrelid = pg_class.oid",
                    "vacuum a", "checkpoint", "select pg_switch_wal()",
                ])
            {
                await session.QueryAsync(sql, limit.Token);
            }
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or OperationCanceledException)
        {
            // Damage may keep everybody out. What became of the server is told by its end.
        }
    }

    static string Damage(Random random, string directory)
    {
        string[] files = [.. Directory.GetFiles(directory, "*", SearchOption.AllDirectories).Where(f => new FileInfo(f).Length > 0).Order(StringComparer.Ordinal)];
        var done = new List<string>();
        for (int n = random.Next(1, 4); n > 0; n--)
        {
            // Every second one is a file without which little works.
            string[] important = [.. files.Where(f => f.Contains("/global/", StringComparison.Ordinal) || f.Contains("/pg_wal/", StringComparison.Ordinal)
                || f.Contains("/pg_xact/", StringComparison.Ordinal) || Path.GetDirectoryName(f) == directory)];
            string[] among = random.Next(2) == 0 ? important : files;
            string file = among[random.Next(among.Length)];
            if (Path.GetFileName(file) == "pocketgres.lock")
            {
                continue; // has no content, and another .NET process may not open it while a server runs
            }

            using var stream = new FileStream(file, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            long at = random.NextInt64(Math.Max(1, random.Next(2) == 0 ? stream.Length : Math.Min(stream.Length, 8192)));
            switch (random.Next(4))
            {
                case 0:
                    stream.SetLength(at);
                    done.Add($"{Path.GetRelativePath(directory, file)} cut to {at}");
                    break;
                case 1:
                    stream.Position = at;
                    stream.Write(new byte[random.Next(1, 600)]);
                    done.Add($"{Path.GetRelativePath(directory, file)} zeroes at {at}");
                    break;
                default:
                    stream.Position = at;
                    int value = Math.Max(stream.ReadByte(), 0);
                    stream.Position = at;
                    stream.WriteByte((byte)(value ^ (1 << random.Next(8))));
                    done.Add($"{Path.GetRelativePath(directory, file)} a bit at {at}");
                    break;
            }
        }

        return string.Join(", ", done);
    }
}
