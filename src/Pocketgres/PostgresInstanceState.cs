namespace Pocketgres;

/// <summary>Life of a <see cref="PostgresInstance"/>, in this order; it never goes back.</summary>
public enum PostgresInstanceState
{
    /// <summary>Accepts connections.</summary>
    Running,

    /// <summary>A stop was asked for; sessions are being ended.</summary>
    Stopping,

    /// <summary>Stopped as asked. Can still be cloned and saved until it is disposed.</summary>
    Stopped,

    /// <summary>The server ended by itself: its log says why. The data of a <c>file:</c> instance is safe; start it again.</summary>
    Failed,
}

/// <summary>A change of state.</summary>
public sealed class PostgresInstanceStateEventArgs(PostgresInstanceState state) : EventArgs
{
    /// <summary>The new state.</summary>
    public PostgresInstanceState State { get; } = state;
}
