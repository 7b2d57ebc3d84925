using System.Net;
using Microsoft.Extensions.Logging;
using Pocketgres.Engine;
using Pocketgres.Engine.Data;

namespace Pocketgres.Server.Creation;

/// <summary>
/// Refuses an address beyond loopback while nobody has decided who is let in from there: the pg_hba.conf of a cluster that was made without a password has
/// rules for this machine only.
/// </summary>
internal static class OutsideCheck
{
    private static readonly string[] s_configuration = ["postgresql.conf", "postgresql.auto.conf"];

    /// <summary>Checks before anything is made or started, and warns of a file that lets in everybody.</summary>
    /// <exception cref="ClusterException">Nobody could be let in from there, or it is not known who.</exception>
    public static void Run(ServerOptions options)
    {
        if (options.ListenAddress is not { } address || IPAddress.IsLoopback(address))
        {
            return;
        }

        var access = options.Settings.ContainsKey(HostBasedAuthentication.Setting) ? OutsideAccess.Some : Of(options);
        if (access.HasFlag(OutsideAccess.WithoutPassword))
        {
            Warn(options.Logger, address);
        }
        else if (access == OutsideAccess.None)
        {
            throw Refusal(options, address);
        }
    }

    private static ClusterException Refusal(ServerOptions options, IPAddress address) => new(ClusterError.AddressUnavailable,
            $"{address} can be reached from other machines, but the superuser has no password and pg_hba.conf has no line for them: " +
            (IsNew(options) ? "give --password-file (or POSTGRES_PASSWORD)" : $"set a password (ALTER ROLE ... PASSWORD), add \"host all all all scram-sha-256\" to {options.Url.DataDirectory}/{HostBasedAuthentication.FileName}")
            + ", or listen on 127.0.0.1");

#pragma warning disable CA1848 // Once in a server's life, and nothing of it is to be prepared in the lives of the others.
    private static void Warn(ILogger? logger, IPAddress address) => logger?.LogWarning(
        "pg_hba.conf lets clients of other machines in without a password, and the server listens on {Address}: let them prove who they are (scram-sha-256)", address);
#pragma warning restore CA1848

    private static OutsideAccess Of(ServerOptions options)
    {
        if (IsNew(options))
        {
            return options.Setup is { } setup ? HostBasedAuthentication.Outside(HostBasedAuthentication.Text(setup)) : OutsideAccess.None;
        }

        string directory = options.Url.DataDirectory!;
        try
        {
            return s_configuration.Any(name => HostBasedAuthentication.IsElsewhere(Read(Path.Combine(directory, name))))
                ? OutsideAccess.Some
                : HostBasedAuthentication.Outside(Read(Path.Combine(directory, HostBasedAuthentication.FileName)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Not a data directory, or an unreadable one: the start says so, and better.
            return OutsideAccess.Some;
        }
    }

    private static bool IsNew(ServerOptions options) => options.Url.DataDirectory is not { } directory || DataDirectory.IsNew(directory);

    private static string Read(string path) => File.Exists(path) ? File.ReadAllText(path) : "";
}
