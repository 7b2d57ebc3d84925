namespace Pocketgres.Transfer;

/// <summary>A database, as Npgsql and as PostgreSQL's programs reach it.</summary>
/// <param name="Connection">A connection string for connections that are not of a pool.</param>
/// <param name="ConnectionInfo">What libpq's programs take for a database's name: a URL, or keywords and values.</param>
/// <param name="Variables">What the programs' environment has instead of this process's; null for nothing.</param>
internal sealed record TransferTarget(string Connection, string ConnectionInfo, IReadOnlyDictionary<string, string?>? Variables);
