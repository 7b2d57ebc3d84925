using System.Diagnostics;
using System.Text.RegularExpressions;
using Pocketgres.ObjectStore.S3;
using Pocketgres.ObjectStore.Transport;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Stores;

/// <summary>A server of others that speaks S3's protocol and takes a create for a put, with an empty bucket.</summary>
sealed partial class OverwritingServer : IDisposable
{
    public const string Bucket = "bucket";

    // What s3rver knows; fauxqs takes any.
    const string Key = "S3RVER";

    readonly TemporaryDirectory _directory = new();
    readonly Process _process;

    OverwritingServer(string kind)
    {
        var (program, arguments) = kind == "fauxqs"
            ? ("fauxqs/dist/cli.js", "")
            : ("s3rver/bin/s3rver.js", $"-d \"$1\" -a 127.0.0.1 -p 0 --no-vhost-buckets --configure-bucket {Bucket}");

        // The shell ends it when its standard input does, however this process ends.
        _process = Process.Start(new ProcessStartInfo("/bin/sh",
            ["-c", $"node \"$0\" {arguments} 2>&1 </dev/null & read -r _; kill $!; wait", Workspace.OverwritingServer(program), _directory.Path])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            Environment = { ["FAUXQS_PORT"] = "0" },
        })!;
        string said = "";
        while (_process.StandardOutput.ReadLine() is { } line)
        {
            said += line + "\n";
            if (Address().Match(line) is { Success: true, Value: var address })
            {
                _ = _process.StandardOutput.ReadToEndAsync();
                Endpoint = "http://" + address;
                return;
            }
        }

        throw new InvalidOperationException($"{kind} ended before it listened: {said}");
    }

    /// <summary>Its address.</summary>
    public string Endpoint { get; }

    /// <summary>The environment of a program that is to use it.</summary>
    public static IReadOnlyDictionary<string, string> Variables { get; } = new Dictionary<string, string> { ["AWS_ACCESS_KEY_ID"] = Key, ["AWS_SECRET_ACCESS_KEY"] = Key };

    public static async Task<OverwritingServer> StartAsync(string kind)
    {
        var server = new OverwritingServer(kind);
        using var http = new HttpClient();
        using var made = kind == "fauxqs" ? await http.PutAsync(new Uri($"{server.Endpoint}/{Bucket}"), null) : null;
        made?.EnsureSuccessStatusCode();
        return server;
    }

    public S3ObjectStore Open() => new(new S3Options { Bucket = Bucket, Endpoint = HttpOrigin.Parse(Endpoint) }, Variables.GetValueOrDefault);

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
        _directory.Dispose();
    }

    [GeneratedRegex(@"127\.0\.0\.1:\d+")]
    private static partial Regex Address();
}
