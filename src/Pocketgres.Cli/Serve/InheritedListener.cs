using System.Globalization;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Cli.Serve;

/// <summary>The socket that a service manager has opened for this process, if it has: sd_listen_fds(3).</summary>
internal sealed class InheritedListener : IDisposable
{
    private const int FirstDescriptor = 3;

    /// <summary>Looks for one.</summary>
    /// <param name="environment">Looks up an environment variable.</param>
    public InheritedListener(Func<string, string?> environment)
    {
        if (environment("LISTEN_FDS") is not { Length: > 0 } count || environment("LISTEN_PID") != Environment.ProcessId.ToString(CultureInfo.InvariantCulture))
        {
            return;
        }

        if (count != "1")
        {
            Problem = $"is one of {count}: give the unit one ListenStream=";
            return;
        }

        Listener = HostListener.Adopt(FirstDescriptor, out string? problem);
        Problem = problem;
    }

    /// <summary>The socket, or null.</summary>
    public HostListener? Listener { get; private set; }

    /// <summary>Why it cannot be used; null otherwise.</summary>
    public string? Problem { get; }

    /// <summary>Hands it over: whoever gets it disposes it.</summary>
    public HostListener? Take()
    {
        var taken = Listener;
        Listener = null;
        return taken;
    }

    /// <inheritdoc/>
    public void Dispose() => Listener?.Dispose();
}
