using System.Net.Sockets;
using System.Text;
using Pocketgres.Engine;

namespace Pocketgres.Server;

/// <summary>What is wrong with the addresses to serve, said before a start of many steps: Postgres reports it late, in several lines, or not at all.</summary>
internal static class AddressCheck
{
    /// <summary>Checks the addresses of a server to be.</summary>
    /// <exception cref="ArgumentException">The options contradict each other.</exception>
    /// <exception cref="ClusterException">The Unix socket's directory cannot serve, or another server is there.</exception>
    public static void Run(ServerOptions options)
    {
        if (options.UnixSocketDirectory is not { } directory)
        {
            if (options.ListenAddress is null)
            {
                throw new ArgumentException("neither TCP nor a Unix socket is to be served: nobody could connect", nameof(options));
            }

            return;
        }

        if (options.ListenAddress is null && options.Port == 0)
        {
            throw new ArgumentException("a free port can be picked for TCP only: give the Unix socket a port number", nameof(options));
        }

        if (!Directory.Exists(directory))
        {
            throw new ClusterException(ClusterError.AddressUnavailable, $"the directory for the Unix socket, {directory}, does not exist: create it first");
        }

        // With port 0 the number is not known yet; it has at most five digits.
        string path = ConnectionAddress.UnixSocketPath(Path.GetFullPath(directory), options.Port == 0 ? 65535 : options.Port);
        if (Encoding.UTF8.GetByteCount(path) >= ConnectionAddress.UnixPathSize)
        {
            throw new ClusterException(ClusterError.AddressUnavailable,
                $"the Unix socket's path {path} is longer than the {ConnectionAddress.UnixPathSize - 1} bytes a system allows: choose a shorter directory");
        }

        if (options.Port != 0 && IsAnswered(path))
        {
            throw new ClusterException(ClusterError.PortInUse,
                $"another server already listens on the Unix socket {path}: stop it, or choose another port or directory");
        }
    }

    // Postgres guards the socket with a lock file that names a process; its process numbers are the kernel's own, equal in every cluster, so
    // that it would take a living server's socket for its own left-over.
    private static bool IsAnswered(string path)
    {
        if (!File.Exists(path))
        {
            return false;
        }

        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            probe.Connect(new UnixDomainSocketEndPoint(path));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
