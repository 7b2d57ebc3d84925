using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>TLS, which the server is compiled to leave to the host (libpq/libpq-be.h, USE_SSL without a library): this host has none yet.</summary>
public static unsafe class TransportSecurity
{
    /// <summary>be_tls_init: called with ssl=on, at the start, where it ends the server, and at each reload.</summary>
    [HostFunction("be_tls_init", Locking = KernelLocking.None)]
    public static int Start(byte* m, int isServerStart)
    {
        ErrorReport.Write(m, isServerStart != 0 ? ErrorReport.Fatal : ErrorReport.Log, "0A000", "ssl is not available: the server has no TLS", "be-secure.c", "be_tls_init",
            "Set ssl to off, and let a proxy or a tunnel encrypt connections from outside.");
        return -1;
    }

    /// <summary>be_tls_destroy: called at a reload without ssl. There is nothing to free.</summary>
    [HostFunction("be_tls_destroy", Locking = KernelLocking.None)]
    public static void Stop(byte* m)
    {
    }
}
