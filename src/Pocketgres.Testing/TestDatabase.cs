namespace Pocketgres.Testing;

/// <summary>Where tests have their databases.</summary>
public static class TestDatabase
{
    /// <summary>The environment variable that says where: <c>memory:</c>, <c>file:DIRECTORY</c> (databases are made beside it) or <c>postgres://...</c></summary>
    public const string UrlVariable = "POCKETGRES_URL";

    /// <summary>The value of <see cref="UrlVariable"/>, or <c>memory:</c>.</summary>
    public static string Url => Environment.GetEnvironmentVariable(UrlVariable) is { Length: > 0 } url ? url : "memory:";

    /// <summary>New options with that URL.</summary>
    public static PostgresInstanceOptions Options => new() { Url = Url };
}
