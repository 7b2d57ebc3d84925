using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Pocketgres.Fuzz;

/// <summary>What real drivers send. The files are made anew by <c>eng/fuzz.sh record</c>, when a driver or its session changes.</summary>
static class Recordings
{
    const int LargestRecording = 32 * 1024; // thousands of equal rows teach nothing

    /// <summary>The recorded sessions, by name of driver.</summary>
    public static SortedDictionary<string, List<byte[]>> Load()
    {
        var recordings = new SortedDictionary<string, List<byte[]>>(StringComparer.Ordinal);
        var assembly = typeof(Recordings).Assembly;
        foreach (string name in assembly.GetManifestResourceNames().Where(n => n.EndsWith(".bin", StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(name)!;
            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            recordings[name.Split('.')[^2]] = Messages.Split(bytes);
        }

        return recordings;
    }

    /// <summary>Runs a command with a proxy between it and the server, and keeps the beginning of what it sends over its longest connection.</summary>
    /// <param name="target">The server.</param>
    /// <param name="file">Where to keep it.</param>
    /// <param name="command">The command, which finds the proxy by DATABASE_URL and libpq's variables.</param>
    public static async Task<int> RecordAsync(Target target, string file, IReadOnlyList<string> command, CancellationToken cancellation)
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var sent = new List<MemoryStream>();
        var connections = new List<Task>();
        _ = AcceptAsync();
        string port = $"{((IPEndPoint)listener.LocalEndpoint).Port}";
        var start = new ProcessStartInfo(command[0], command.Skip(1));
        foreach (var (name, value) in (ReadOnlySpan<(string, string)>)[("DATABASE_URL", $"postgres://postgres@127.0.0.1:{port}/postgres"), ("PGHOST", "127.0.0.1"), ("PGPORT", port), ("PGUSER", "postgres"), ("PGDATABASE", "postgres")])
        {
            start.Environment[name] = value;
        }

        using var process = Process.Start(start)!;
        await process.WaitForExitAsync(cancellation);
        await Task.WhenAll(connections);
        byte[] longest = sent.Select(s => s.ToArray()).MaxBy(b => b.Length) ?? [];
        longest = longest[..Math.Min(longest.Length, LargestRecording)];
        await File.WriteAllBytesAsync(file, longest, cancellation);
        Console.WriteLine($"{file}: {longest.Length} bytes, {Messages.Split(longest).Count} messages");
        return process.ExitCode;

        async Task AcceptAsync()
        {
            while (true)
            {
                var client = await listener.AcceptTcpClientAsync(cancellation);
                var kept = new MemoryStream();
                sent.Add(kept);
                connections.Add(ForwardAsync(client, kept));
            }
        }

        async Task ForwardAsync(TcpClient client, MemoryStream kept)
        {
            using var server = new TcpClient();
            await server.ConnectAsync(IPAddress.Loopback, target.Port, cancellation);
            await Task.WhenAll(PumpAsync(client, server, kept), PumpAsync(server, client, null));
            client.Dispose();
        }

        async Task PumpAsync(TcpClient from, TcpClient to, MemoryStream? copy)
        {
            byte[] buffer = new byte[65536];
            try
            {
                while (await from.GetStream().ReadAsync(buffer, cancellation) is > 0 and int n)
                {
                    copy?.Write(buffer, 0, n);
                    await to.GetStream().WriteAsync(buffer.AsMemory(0, n), cancellation);
                }

                to.Client.Shutdown(SocketShutdown.Send);
            }
            catch (IOException)
            {
                to.Close();
            }
        }
    }
}
