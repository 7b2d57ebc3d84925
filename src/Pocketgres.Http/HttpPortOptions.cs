using System.Net;

namespace Pocketgres.Http;

/// <summary>Where to answer HTTP, and to whom.</summary>
public sealed record HttpPortOptions
{
    /// <summary>Address and port; port 0 lets the system choose one.</summary>
    public required IPEndPoint EndPoint { get; init; }

    /// <summary>What a client must know to read more than health and readiness; null when everybody on this machine may.</summary>
    public string? Token { get; init; }
}
