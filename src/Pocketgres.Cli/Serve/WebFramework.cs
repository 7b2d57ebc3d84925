using System.Net;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using Microsoft.Extensions.Logging;
using Pocketgres.Engine;
using Pocketgres.Http;
using Pocketgres.Server;
using Pocketgres.Server.Observing;

namespace Pocketgres.Cli.Serve;

/// <summary>
/// The HTTP port, and ASP.NET Core for it. The program does not name that framework in its runtime configuration: every start would look for it, and a machine
/// with .NET's base runtime only could not run the program at all. It is loaded from beside the runtime when a port is asked for.
/// </summary>
internal sealed class WebFramework : IAsyncDisposable
{
    private const string FrameworkName = "Microsoft.AspNetCore.App";

    private readonly IAsyncDisposable _port;

    private WebFramework(IAsyncDisposable port, Action<PostgresServer> attach, Action<Func<IReadOnlyList<MetricReading>>> attachHost) =>
        (_port, Attach, AttachHost) = (port, attach, attachHost);

    /// <summary>The port, also when the system chose it.</summary>
    public required int Port { get; init; }

    /// <summary>Where a browser on this machine finds the admin page.</summary>
    public required string AdminUrl { get; init; }

    /// <summary>Hands the server's log on to where it is written.</summary>
    public required ILogger Log { get; init; }

    /// <summary>Tells it of the server, once that has started.</summary>
    public Action<PostgresServer> Attach { get; }

    /// <summary>Tells it of a host of many clusters, once that has started, by what reads its metrics.</summary>
    public Action<Func<IReadOnlyList<MetricReading>>> AttachHost { get; }

    /// <summary>Opens the port.</summary>
    /// <exception cref="ServerException">There is no ASP.NET Core.</exception>
    /// <exception cref="ClusterException">The port is taken, the address is not of this machine, or others could reach it and nobody has said who may read.</exception>
    public static Task<WebFramework> OpenAsync(HttpSettings settings, ILogger logger)
    {
        if (settings.Token is null && !IPAddress.IsLoopback(settings.EndPoint.Address))
        {
            throw new ClusterException(ClusterError.AddressUnavailable,
                $"--http {settings.EndPoint} can be reached from other machines: give --http-token-file, a file with the token that readers must send, or a port of loopback");
        }

        string directory = FindDirectory() ?? throw new ServerException(
            $"--http needs the ASP.NET Core runtime {Environment.Version.Major}.{Environment.Version.Minor} beside .NET's (a single-file executable has none): install it, or start without --http");
        AssemblyLoadContext.Default.Resolving += (context, name) => Load(context, name, directory);
        return OpenPortAsync(settings, logger);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _port.DisposeAsync();

    // Of its own, so that its types are looked for when the framework can be found.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WebFramework> OpenPortAsync(HttpSettings settings, ILogger logger)
    {
        var port = await HttpPort.OpenAsync(new HttpPortOptions { EndPoint = settings.EndPoint, Token = settings.Token, IsAdmin = settings.IsAdmin }, logger).ConfigureAwait(false);
        return new WebFramework(port, port.Attach, port.AttachHost) { Port = port.Port, AdminUrl = port.AdminUrl, Log = port.Log };
    }

    private static Assembly? Load(AssemblyLoadContext context, AssemblyName name, string directory)
    {
        string path = Path.Combine(directory, name.Name + ".dll");
        return File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
    }

    // DOTNET/shared/Microsoft.NETCore.App/10.0.1 is the runtime; the framework of the same version stands beside it, or another patch of it does.
    private static string? FindDirectory()
    {
        string runtime = Path.TrimEndingDirectorySeparator(RuntimeEnvironment.GetRuntimeDirectory());
        string frameworks = Path.Combine(runtime, "..", "..", FrameworkName), own = Path.Combine(frameworks, Path.GetFileName(runtime));
        return Directory.Exists(own) ? own
            : Directory.Exists(frameworks)
                ? Directory.GetDirectories(frameworks, $"{Environment.Version.Major}.{Environment.Version.Minor}.*").MaxBy(d => Version.TryParse(Path.GetFileName(d), out var v) ? v : new Version())
            : null;
    }
}
