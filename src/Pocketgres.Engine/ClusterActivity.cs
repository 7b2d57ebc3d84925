namespace Pocketgres.Engine;

/// <summary>What a cluster's processes do at one time.</summary>
/// <param name="IsBusy">
/// Whether one of them does something: a session with a statement or in a transaction, or one that listens, has temporary tables or holds locks of its own; a
/// walsender, an autovacuum worker, another worker in a database.
/// </param>
/// <param name="Sessions">Clients' sessions, walsenders among them.</param>
/// <param name="Stamp">Another number after a session has come, gone or had a statement.</param>
internal readonly record struct ClusterActivity(bool IsBusy, int Sessions, int Stamp);
