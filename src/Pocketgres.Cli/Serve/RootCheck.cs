using System.Globalization;
using Pocketgres.Server.Creation;

namespace Pocketgres.Cli.Serve;

/// <summary>
/// Keeps root from serving a cluster by accident, as PostgreSQL does: a superuser of it runs programs (COPY ... PROGRAM) as the server's user. In a container,
/// where root is often the only user there is, and in a user namespace, where it is not the machine's, it may. Part of each start, so without LINQ, which would be loaded for it.
/// </summary>
internal static class RootCheck
{
    /// <summary>In the environment: a value other than empty and 0 allows it, as <c>--allow-root</c> does.</summary>
    public const string Variable = "POCKETGRES_ALLOW_ROOT";

    /// <summary>Why not.</summary>
    public const string Refusal =
        "root does not serve a cluster: whoever may connect could run programs as root (COPY ... PROGRAM): start it as another user, or give --allow-root";

    private static readonly string[] s_containerFiles = ["/.dockerenv", "/run/.containerenv"];
    private static readonly string[] s_containerVariables = ["container", "DOTNET_RUNNING_IN_CONTAINER", "KUBERNETES_SERVICE_HOST"];
    private static readonly string[] s_containerGroups = ["docker", "kubepods", "containerd", "libpod", "lxc"];

    /// <summary>Whether this process is the machine's root.</summary>
    public static bool IsRoot => Environment.IsPrivilegedProcess && IsInitialNamespace(Read("/proc/self/uid_map"));

    /// <summary>Whether root may serve on this machine without being told so on the command line.</summary>
    public static bool IsAllowed => IsSet(Environment.GetEnvironmentVariable(Variable))
        || IsContainer(File.Exists, Environment.GetEnvironmentVariable, Read("/proc/1/cgroup"));

    /// <summary>Whether this is a container: by the files and variables that engines leave in one, or the control group of its first process.</summary>
    public static bool IsContainer(Func<string, bool> fileExists, Func<string, string?> variable, string controlGroups) =>
        Array.Exists(s_containerFiles, f => fileExists(f)) || Array.Exists(s_containerVariables, v => IsSet(variable(v)))
        || Array.Exists(s_containerGroups, g => controlGroups.Contains(g, StringComparison.Ordinal));

    /// <summary>Whether user 0 here is user 0 of the machine: a user namespace maps it to somebody else.</summary>
    /// <param name="map">The text of /proc/self/uid_map: lines of a first user here, the first user outside, and how many.</param>
    public static bool IsInitialNamespace(string map)
    {
        string[] fields = map.Split([' ', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries);
        return fields.Length < 3 || (fields[1] == "0" && fields[2] == uint.MaxValue.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>Who gets in without a password, for a warning; null when nobody does.</summary>
    /// <param name="authentication">The text of pg_hba.conf.</param>
    /// <param name="settings">What is served.</param>
    public static string? WhoGetsIn(string authentication, ServeSettings settings)
    {
        bool overTcp = false, overSocket = false;
        foreach (string line in authentication.Split('\n'))
        {
            string[] fields = line.Split('#')[0].Split([' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries);
            if (Array.IndexOf(fields, HostBasedAuthentication.Trust) > 0)
            {
                overTcp |= fields[0].StartsWith("host", StringComparison.Ordinal);
                overSocket |= fields[0] == "local";
            }
        }

        var who = new List<string>();
        if (overTcp && settings.Server.ListenAddress is { } address)
        {
            who.Add($"every user of this machine over TCP ({address})");
        }

        if (overSocket && settings.Server.UnixSocketDirectory is { } directory)
        {
            who.Add($"whoever may open the Unix socket in {directory} (unix_socket_permissions, root alone by default)");
        }

        return who.Count == 0 ? null : string.Join(" and ", who);
    }

    private static bool IsSet(string? value) => value is not (null or "" or "0" or "false");

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // /proc may be hidden
        }
    }
}
