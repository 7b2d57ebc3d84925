namespace Pocketgres.Server.Sleeping;

/// <summary>No cluster can be woken, because as many as are allowed are awake and all of them are busy.</summary>
internal sealed class TooManyAwakeException(string message) : Exception(message);
