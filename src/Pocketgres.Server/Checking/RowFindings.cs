namespace Pocketgres.Server.Checking;

/// <summary>Collects what amcheck finds. One thread at a time.</summary>
internal sealed class RowFindings
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
        }
    }

    public void AddUnchecked(string line)
    {
        if (_unchecked.Count < MaximumLines)
        {
            _unchecked.Add(line);
        }
    }

    /// <summary>An error of the server: damage if it says so itself (class XX: corruption, an internal error), else a reason why this was not checked.</summary>
    /// <param name="what">What was being checked.</param>
    /// <param name="error">The error.</param>
    public void Add(string what, Npgsql.PostgresException error)
    {
        string line = $"{what}: {error.MessageText}{(string.IsNullOrEmpty(error.Detail) ? "" : $" ({error.Detail.ReplaceLineEndings(" ")})")}";
        if (error.SqlState.StartsWith("XX", StringComparison.Ordinal))
        {
            AddDamage(line);
        }
        else
        {
            AddUnchecked($"{line} [{error.SqlState}]");
        }
    }
}
