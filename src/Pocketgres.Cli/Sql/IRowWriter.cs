namespace Pocketgres.Cli.Sql;

/// <summary>A column of a result.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type's name.</param>
internal readonly record struct ResultColumn(string Name, string Type)
{
    /// <summary>Whether its values are numbers.</summary>
    public bool IsNumber => Type is "smallint" or "integer" or "bigint" or "numeric" or "real" or "double precision" or "oid" || Type.StartsWith("numeric(", StringComparison.Ordinal);
}

/// <summary>Prints results.</summary>
internal interface IRowWriter
{
    /// <summary>A result begins.</summary>
    void Begin(IReadOnlyList<ResultColumn> columns);

    /// <summary>A row of it; null is NULL.</summary>
    void Row(string?[] values);

    /// <summary>It ends.</summary>
    void End();

    /// <summary>A statement without a result was done.</summary>
    /// <param name="word">Its first word.</param>
    /// <param name="rows">The rows it concerned; -1 where that means nothing.</param>
    void Done(string word, int rows);
}
