using System.CommandLine;
using System.Globalization;
using System.Net;
using Pocketgres.Cli.Serve;
using Pocketgres.ObjectStore;
using Pocketgres.ObjectStore.S3;
using Pocketgres.ObjectStore.Testing;

namespace Pocketgres.Cli.ObjectStores;

/// <summary><c>s3</c>: an object store for development, in a directory or in memory.</summary>
internal sealed class S3Command : ISubcommand
{
    private readonly Argument<string?> _directory = new("DIR")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = "Directory for the objects, made if missing; without one they are in memory.",
    };

    private readonly Option<string?> _port = Text("--port", "N", "TCP port on 127.0.0.1 (default 9000); 0 picks a free one.");
    private readonly Option<string?> _latency = Text("--latency", "MS", "Milliseconds that each request takes longer.");
    private readonly Option<string?> _lose = Text("--lose", "P", "Share of requests, 0 to 1, that are executed and answered with 503, 429 or 500 all the same.");
    private readonly Option<string?> _refuse = Text("--refuse", "P", "Share of requests, 0 to 1, that are not executed and answered with 503, 429 or 500.");
    private readonly Option<string?> _cut = Text("--cut", "P", "Share of requests and answers, 0 to 1, in whose middle the connection is reset.");

    public S3Command()
    {
        Command = new Command("s3", "Run an S3 server for development until stopped: conditional writes as S3 has them, no check of signatures, on loopback only.\n" +
            "When it is ready, one line of JSON on stdout gives its endpoint.")
        {
            _directory, _port, _latency, _lose, _refuse, _cut,
        };
    }

    /// <inheritdoc/>
    public Command Command { get; }

    /// <inheritdoc/>
    public int Run(ParseResult result, IReadOnlyList<string>? tail)
    {
        int port = (int)Number("--port", result.GetValue(_port) ?? "9000", IPEndPoint.MaxPort);
        var faults = new FaultOptions
        {
            Latency = TimeSpan.FromMilliseconds(Number("--latency", result.GetValue(_latency) ?? "0", 60_000)),
            Lost = Number("--lose", result.GetValue(_lose) ?? "0", 1),
            Refused = Number("--refuse", result.GetValue(_refuse) ?? "0", 1),
        };
        double cut = Number("--cut", result.GetValue(_cut) ?? "0", 1);
        try
        {
            using IObjectStore kept = result.GetValue(_directory) is { } directory ? new DirectoryObjectStore(directory) : new MemoryObjectStore();
            using var store = new FaultyObjectStore(kept, Environment.ProcessId, faults);
            using var server = S3Server.Start(store, cut > 0 ? 0 : port, message => StandardStreams.WriteError(message + "\n"));
            using var proxy = cut > 0 ? CuttingProxy.Start(port, server.Port, cut, Environment.ProcessId) : null;
            port = proxy?.Port ?? server.Port;
            using var stopped = new ManualResetEventSlim();
            using var signals = new StopSignals(_ => stopped.Set(), () => { }, () => { });
            StandardStreams.WriteOutput(string.Create(CultureInfo.InvariantCulture, $"{{\"port\": {port}, \"endpoint\": \"http://127.0.0.1:{port}\"}}\n"));
            stopped.Wait();
            return ExitCode.Success;
        }
        catch (Exception e) when (e is HttpListenerException or System.Net.Sockets.SocketException)
        {
            return Program.Fail($"cannot listen on port {port}: {e.Message}; choose another one (--port 0 picks a free one)", ExitCode.AddressUnavailable);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Program.Fail(e.Message, ExitCode.DirectoryUnusable);
        }
    }

    private static double Number(string option, string text, double maximum) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value) && value >= 0 && value <= maximum
            ? value
            : throw new UsageException(string.Create(CultureInfo.InvariantCulture, $"{option} takes a number from 0 to {maximum}, not \"{text}\""));

    private static Option<string?> Text(string name, string valueName, string description) =>
        new(name) { HelpName = valueName, Description = description, Arity = ArgumentArity.ExactlyOne };
}
