using Npgsql;

namespace Pocketgres.Server.Checking;

/// <summary>Collects what amcheck finds. One thread at a time.</summary>
/// <param name="found">Told of each line.</param>
internal sealed class RowFindings(Action<string>? found)
{
    private const int MaximumLines = 100;

    private readonly List<string> _damage = [];
    private readonly List<string> _unchecked = [];
    private long _damageCount;

    public int Databases { get; set; }

    public int Tables { get; set; }

    public int Indexes { get; set; }

    public RowCheckReport Report => new(Databases, Tables, Indexes, _damageCount, _damage, _unchecked);

    public void AddDamage(string line)
    {
        if (++_damageCount <= MaximumLines)
        {
            _damage.Add(line);
            found?.Invoke(line);
        }
    }

    public void AddUnchecked(string line)
    {
        if (_unchecked.Count < MaximumLines)
        {
            _unchecked.Add(line);
            found?.Invoke("not checked: " + line);
        }
    }

    /// <summary>
    /// Whether an error means damage: class XX is corruption and what should never happen, class 58 are files that are missing or cannot be read, but
    /// for a library that is not installed here.
    /// </summary>
    public static bool IsDamage(string sqlState, string message) => sqlState.StartsWith("XX", StringComparison.Ordinal)
        || (sqlState.StartsWith("58", StringComparison.Ordinal) && !message.StartsWith("could not access file", StringComparison.Ordinal));

    /// <summary>An error of the server: damage, or else a reason why this was not checked. A server process that just goes has met damage too.</summary>
    /// <param name="what">What was being checked.</param>
    /// <param name="exception">The error.</param>
    public void Add(string what, NpgsqlException exception)
    {
        if (exception is not PostgresException error)
        {
            AddDamage($"{what}: the server process ended while it was checking this");
            return;
        }

        string line = $"{what}: {error.MessageText}{(string.IsNullOrEmpty(error.Detail) ? "" : $" ({error.Detail.ReplaceLineEndings(" ")})")}";
        if (IsDamage(error.SqlState, error.MessageText))
        {
            AddDamage(line);
        }
        else
        {
            AddUnchecked($"{line} [{error.SqlState}]");
        }
    }
}
