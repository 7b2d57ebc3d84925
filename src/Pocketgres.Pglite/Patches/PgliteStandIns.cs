namespace Pocketgres.Pglite.Patches;

/// <summary>
/// Calls on sockets that <c>pglite.wasm</c> exports for <c>libpqwalreceiver</c> as functions that only return 0 (some of them one and the same
/// function): libraries get the host's instead.
/// </summary>
internal static class PgliteStandIns
{
    /// <summary>Their names.</summary>
    public static IReadOnlySet<string> Names { get; } = new HashSet<string>(StringComparer.Ordinal)
    {
        "pgl_connect", "pgl_send", "pgl_poll", "pgl_setsockopt", "pgl_getsockopt", "pgl_getsockname",
    };
}
