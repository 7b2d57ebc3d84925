using System.Globalization;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Syscalls;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port;

/// <summary>auth_peer (libpq/auth.c): the compiler removed it from PGlite's build, which cannot ask who is at the other end of a socket.</summary>
public static unsafe class PeerAuthentication
{
    private const string File = "auth.c", Function = "auth_peer";

    /// <summary>
    /// Called where InitPostgres checks for interrupts. When the client's line of pg_hba.conf is found and says `peer`, does what auth_peer does: whom it
    /// lets in is trusted from here on, in this process's own copy of the line; anybody else's session ends.
    /// </summary>
    [HostFunction("postgres.InitPostgres_interrupts")]
    public static int Interrupts(byte* m)
    {
        int port = *(int*)(m + PgliteAddresses.MyProcPort);
        int line = port == 0 ? 0 : *(int*)(m + (uint)port + PgliteStructs.Port.Hba);
        if (line != 0 && *(int*)(m + (uint)line + PgliteStructs.HbaLine.AuthMethod) == PgliteStructs.HbaLine.Peer)
        {
            Authenticate(Process.From(m), m, port, line);
            *(int*)(m + (uint)line + PgliteStructs.HbaLine.AuthMethod) = PgliteStructs.HbaLine.Trust;
        }

        return PgliteAddresses.InterruptPending;
    }

    private static void Authenticate(Process process, byte* m, int port, int line)
    {
        int user = *(int*)(m + (uint)port + PgliteStructs.Port.UserName);
        string? reason = null;
        if (SocketOptions.PeerCredentials(process, *(int*)(m + (uint)port + PgliteStructs.Port.Socket), out int uid, out _) is < 0 and int error)
        {
            reason = $"could not get peer credentials: {(Errno)(-error)}";
        }
        else if (HostUsers.NameOf((uint)uid) is not { } name)
        {
            reason = string.Create(CultureInfo.InvariantCulture, $"local user with ID {(uint)uid} does not exist");
        }
        else
        {
            int peer = ErrorReport.AllocateString(process, m, name);
            ((delegate*<byte*, int, int, void>)process.Function(PgliteFunctions.SetAuthnId))(m, port, peer);
            int map = *(int*)(m + (uint)line + PgliteStructs.HbaLine.UserMap);
            if (((delegate*<byte*, int, int, int, int, int>)process.Function(PgliteFunctions.CheckUsermap))(m, map, user, peer, 0) == 0)
            {
                return;
            }
        }

        if (reason is not null)
        {
            ErrorReport.Write(m, ErrorReport.Log, null, reason, File, Function);
        }

        ErrorReport.Write(m, ErrorReport.Fatal, "28000", $"Peer authentication failed for user \"{CString.Read(m, user)}\"", File, "auth_failed");
    }
}
