using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Text;

namespace Pocketgres.Cli.Serve;

/// <summary>Tells a service manager how the server is: sd_notify(3), for units with Type=notify. Silent where there is none.</summary>
internal static class ServiceManager
{
    private const string Variable = "NOTIFY_SOCKET";

    /// <summary>Clients can connect.</summary>
    public static void Ready() => Notify("READY=1");

    /// <summary>The server has been asked to stop.</summary>
    public static void Stopping() => Notify("STOPPING=1");

    private static void Notify(string state)
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 1 } address)
        {
            Send(state, address);
        }
    }

    // Of its own, since a method's first call loads the assemblies of all that it may call: .NET's sockets, which nothing else of a server needs.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Send(string state, string address)
    {
        try
        {
            using var socket = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
            socket.SendTo(Encoding.UTF8.GetBytes(state), new UnixDomainSocketEndPoint(address[0] == '@' ? "\0" + address[1..] : address)); // @: an abstract name
        }
        catch (SocketException)
        {
            // Nobody listens: the manager has its own time limits.
        }
    }
}
