namespace Pocketgres.Server.Hosting;

/// <summary>
/// Which cluster of a host a client means, as the database in its startup packet says: <c>tenant</c>, whose database is then postgres, or <c>tenant/database</c>;
/// or the host's name that it asks for in TLS: <c>tenant.domain</c>.
/// The tenant is a part of the names of objects, so it may have nothing that means something there.
/// </summary>
internal static class TenantName
{
    private const int MaximumLength = 63;

    /// <summary>Reads it.</summary>
    /// <param name="text">The database that the client asks for.</param>
    /// <returns>Null when it names no tenant.</returns>
    public static (string Tenant, string Database)? Parse(string text)
    {
        int slash = text.IndexOf('/', StringComparison.Ordinal);
        string tenant = slash < 0 ? text : text[..slash], database = slash < 0 ? ServerOptions.DefaultDatabase : text[(slash + 1)..];
        return IsValid(tenant) && database.Length > 0 ? (tenant, database) : null;
    }

    /// <summary>Reads it from a host's name: the label before the domain.</summary>
    /// <param name="hostName">What the client has asked for.</param>
    /// <param name="domain">The domain that has the clusters' names.</param>
    /// <returns>Null when the name is not below the domain; it may be no tenant's (<see cref="IsValid"/>).</returns>
    public static string? OfHost(string hostName, string domain)
    {
        string name = hostName.TrimEnd('.');
        int length = name.Length - domain.Length - 1;
        return length > 0 && name[length] == '.' && name.EndsWith(domain, StringComparison.OrdinalIgnoreCase) ? name[..length].ToLowerInvariant() : null;
    }

    /// <summary>Lower-case letters, digits, - and _, the first a letter or a digit: no case to confuse, no dot, nothing to be escaped.</summary>
    public static bool IsValid(string tenant) =>
        tenant.Length is > 0 and <= MaximumLength && IsAlphanumeric(tenant[0]) && tenant.All(c => IsAlphanumeric(c) || c is '-' or '_');

    private static bool IsAlphanumeric(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c);
}
