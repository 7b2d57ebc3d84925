using System.Text;
using Pocketgres.Engine.Connections;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Net;

namespace Pocketgres.Engine.Pg;

/// <summary>The postmaster's children, as eng/engine/server.c starts them: postmaster_child_launch's arguments are noted before fork.</summary>
internal static unsafe class ChildProcesses
{
    /// <summary>What a child is, by its arguments. In the postmaster.</summary>
    public static (string Title, object? Tag) Describe(Process postmaster, int arguments)
    {
        var type = new ChildArguments(postmaster.Memory, (uint)arguments).Type;
        return (type.ToString(), PostgresProcess.Child(type, postmaster));
    }

    /// <summary>A child runs. Connections wait for the server's first startup process; a later one restarts the server after a crash.</summary>
    public static void Forked(Process postmaster, Process child)
    {
        var state = PostgresProcess.Of(postmaster);
        if (PostgresProcess.Of(child).Type != BackendType.Startup)
        {
            return;
        }

        if (state.HasStarted)
        {
            state.Hold = null;
            return;
        }

        state.HasStarted = true;
        state.Hold = new StartHold(child, state.Ready);
    }

    /// <summary>
    /// fork(2) failed, which the postmaster will tell the client before it closes the connection. The startup packet is there (<see cref="StartupPackets"/>): if it
    /// stayed unread, closing would reset the connection, and the client lose the message.
    /// </summary>
    public static void ForkFailed(Process postmaster, int arguments, string reason)
    {
        byte* m = postmaster.Memory;
        postmaster.Kernel.Options.StandardError?.Invoke(Encoding.UTF8.GetBytes($"no new process: {reason}\n"));
        uint client = new ChildArguments(m, (uint)arguments).ClientSocket;
        if (client != 0 && postmaster.Files.TryGet(new ClientSocket(m, client).Sock, out var file) && file is SocketFile socket)
        {
            byte* packet = stackalloc byte[4096];
            while (socket.Receive(packet, 4096) > 0)
            {
            }
        }
    }
}
