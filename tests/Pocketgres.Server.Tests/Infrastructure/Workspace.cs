using System.Reflection;

namespace Pocketgres.Server.Tests.Infrastructure;

/// <summary>Where the clone, its artifacts and the installed client programs are.</summary>
static class Workspace
{
    public static string Root { get; } = Metadata("RepositoryRoot");

    public static string Configuration { get; } = Metadata("Configuration");

    public static string Artifacts { get; } = Path.Combine(Root, "artifacts");

    /// <summary>The scripts the tests of other languages' drivers run.</summary>
    public static string ClientScripts { get; } = Path.Combine(Root, "tests", "clients");

    static string Pg18Directory =>
        Environment.GetEnvironmentVariable("POCKETGRES_PG18_DIR") is { Length: > 0 } directory ? directory : Path.Combine(Artifacts, "pg18");

    static string ClientsDirectory =>
        Environment.GetEnvironmentVariable("POCKETGRES_CLIENTS_DIR") is { Length: > 0 } directory ? directory : Path.Combine(Artifacts, "clients");

    static string OperatorsToolsDirectory =>
        Environment.GetEnvironmentVariable("POCKETGRES_OPERATORS_TOOLS_DIR") is { Length: > 0 } directory ? directory : Path.Combine(Artifacts, "operators-tools");

    public static string NodeModules => Installed(Path.Combine(ClientsDirectory, "node", "node_modules", "pg"), "node-postgres", "eng/clients.sh")[..^"/pg".Length];

    public static string PostgresJs => Installed(Path.Combine(ClientsDirectory, "replication", "node_modules", "postgres"), "postgres.js", "eng/clients.sh")[..^"/postgres".Length];

    /// <summary>Azurite's blob service, for Node; fails the test when it is not installed.</summary>
    public static string Azurite => Installed(Path.Combine(ClientsDirectory, "azurite", "node_modules", "azurite", "dist", "src", "blob", "main.js"), "Azurite", "eng/clients.sh");

    /// <summary>A server of S3's protocol that overwrites although it is asked to create, for Node; fails the test when it is not installed.</summary>
    /// <param name="path">Its program, in the directory of modules.</param>
    public static string OverwritingServer(string path) => Installed(Path.Combine(ClientsDirectory, "overwriting", "node_modules", path), path, "eng/clients.sh");

    /// <summary>The modules of zero-cache and the Node they want; null when they are not installed.</summary>
    public static string? Zero => Path.Combine(ClientsDirectory, "zero", "node_modules") is { } directory && Directory.Exists(directory) ? directory : null;

    /// <summary>The path of one of PostgreSQL 18's own programs; fails the test when it is not installed.</summary>
    public static string Pg18(string program) => Installed(Path.Combine(Pg18Directory, "bin", program), program, "eng/pg18.sh");

    /// <summary>PostgreSQL 18's isolationtester; fails the test when it is not installed.</summary>
    public static string IsolationTester =>
        Installed(Path.Combine(Pg18Directory, "root/usr/lib/postgresql/18/lib/pgxs/src/test/isolation/isolationtester"), "isolationtester", "eng/pg18.sh");

    /// <summary>The path of PgBouncer or postgres_exporter; fails the test when it is not installed.</summary>
    public static string OperatorsTool(string program) => Installed(Path.Combine(OperatorsToolsDirectory, "bin", program), program, "eng/operators-tools.sh");

    /// <summary>Where Python finds Prometheus' own parser of metrics; fails the test when it is not installed.</summary>
    public static string PrometheusParser => Installed(Path.Combine(OperatorsToolsDirectory, "python", "prometheus_client"), "prometheus_client", "eng/operators-tools.sh")[..^"/prometheus_client".Length];

    /// <summary>Chromium; null when it is not installed.</summary>
    public static string? Browser => Path.Combine(OperatorsToolsDirectory, "bin", "chromium") is { } path && File.Exists(path) ? path : File.Exists("/usr/bin/chromium") ? "/usr/bin/chromium" : null;

    static string Installed(string path, string what, string script)
    {
        if (!Path.Exists(path))
        {
            Assert.Fail($"{what} is not installed ({path}): run {script}");
        }

        return path;
    }

    static string Metadata(string key) =>
        typeof(Workspace).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().First(attribute => attribute.Key == key).Value!;
}
