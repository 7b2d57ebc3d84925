namespace Pocketgres.Server.Hosting;

/// <summary>
/// Which cluster of a host a client means, as the database in its startup packet says: <c>tenant</c>, whose database is then postgres, or <c>tenant/database</c>.
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

    /// <summary>Lower-case letters, digits, - and _, the first a letter or a digit: no case to confuse, no dot, nothing to be escaped.</summary>
    public static bool IsValid(string tenant) =>
        tenant.Length is > 0 and <= MaximumLength && IsAlphanumeric(tenant[0]) && tenant.All(c => IsAlphanumeric(c) || c is '-' or '_');

    private static bool IsAlphanumeric(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c);
}
