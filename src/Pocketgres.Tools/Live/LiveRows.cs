using System.Data.Common;

namespace Pocketgres.Live;

/// <summary>The rows of a live query at one moment. Equal are those with the same columns and values in the same order.</summary>
/// <param name="Columns">The names of the columns.</param>
/// <param name="Rows">The rows in the query's order; NULL is null.</param>
public sealed record LiveRows(IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<object?>> Rows)
{
    /// <inheritdoc/>
    public bool Equals(LiveRows? other) => other is not null && Columns.SequenceEqual(other.Columns) && Rows.Count == other.Rows.Count
        && Rows.Zip(other.Rows).All(static pair => pair.First.Zip(pair.Second).All(static v => AreEqual(v.First, v.Second)));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Columns.Count, Rows.Count);

    internal static async Task<LiveRows> ReadAsync(DbDataReader reader, CancellationToken cancellationToken)
    {
        string[] columns = [.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetName)];
        var rows = new List<IReadOnlyList<object?>>();
        while (await reader.ReadAsync(cancellationToken))
        {
            object?[] row = new object?[columns.Length];
            for (int i = 0; i < row.Length; i++)
            {
                row[i] = await reader.IsDBNullAsync(i, cancellationToken) ? null : reader.GetValue(i);
            }

            rows.Add(row);
        }

        return new LiveRows(columns, rows);
    }

    private static bool AreEqual(object? one, object? other) => Equals(one, other)
        || (one is Array a && other is Array b && a.Length == b.Length && a.Rank == b.Rank && a.Cast<object?>().Zip(b.Cast<object?>()).All(static v => AreEqual(v.First, v.Second)));
}
