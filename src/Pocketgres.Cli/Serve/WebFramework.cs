using System.Net;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using Pocketgres.Engine;
using Pocketgres.Http;
using Pocketgres.Server;

namespace Pocketgres.Cli.Serve;

/// <summary>
/// The HTTP port, and ASP.NET Core for it. The program does not name that framework in its runtime configuration: every start would look for it, and a machine
/// with .NET's base runtime only could not run the program at all. It is loaded from beside the runtime when a port is asked for.
/// </summary>
internal sealed class WebFramework : IAsyncDisposable
{
    private const string FrameworkName = "Microsoft.AspNetCore.App";

    private readonly IAsyncDisposable _port;

    private WebFramework(IAsyncDisposable port, int number, Action<PostgresServer> attach) => (_port, Port, Attach) = (port, number, attach);

    /// <summary>The port, also when the system chose it.</summary>
    public int Port { get; }

    /// <summary>Tells it of the server, once that has started.</summary>
    public Action<PostgresServer> Attach { get; }

    /// <summary>Opens the port.</summary>
    /// <exception cref="ServerException">There is no ASP.NET Core.</exception>
    /// <exception cref="ClusterException">The port is taken, the address is not of this machine, or others could reach it and nobody has said who may read.</exception>
    public static Task<WebFramework> OpenAsync(HttpSettings settings)
    {
        if (settings.Token is null && !IPAddress.IsLoopback(settings.EndPoint.Address))
        {
            throw new ClusterException(ClusterError.AddressUnavailable,
                $"--http {settings.EndPoint} can be reached from other machines: give --http-token-file, a file with the token that readers must send, or a port of loopback");
        }

        string directory = FindDirectory() ?? throw new ServerException(
            $"--http needs the ASP.NET Core runtime {Environment.Version.Major}.{Environment.Version.Minor} beside .NET's (a single-file executable has none): install it, or start without --http");
        AssemblyLoadContext.Default.Resolving += (context, name) => Load(context, name, directory);
        return OpenPortAsync(settings);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _port.DisposeAsync();

    // Of its own, so that its types are looked for when the framework can be found.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WebFramework> OpenPortAsync(HttpSettings settings)
    {
        var port = await HttpPort.OpenAsync(new HttpPortOptions { EndPoint = settings.EndPoint, Token = settings.Token }).ConfigureAwait(false);
        return new WebFramework(port, port.Port, port.Attach);
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
