using System.Net;

namespace Pocketgres.Http;

/// <summary>Where to answer HTTP, and to whom.</summary>
public sealed record HttpPortOptions
{
    /// <summary>Address and port; port 0 lets the system choose one.</summary>
    public required IPEndPoint EndPoint { get; init; }

    /// <summary>What a client must know to read more than health and readiness; null when everybody on this machine may read metrics, and for the admin page one is made.</summary>
    public string? Token { get; init; }

    /// <summary>Whether the admin page may change something: end sessions, run SQL.</summary>
    public bool IsAdmin { get; init; }
}
