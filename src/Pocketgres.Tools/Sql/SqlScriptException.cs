namespace Pocketgres.Sql;

/// <summary>A script cannot be split into statements.</summary>
internal sealed class SqlScriptException(int line, string message) : Exception(message)
{
    /// <summary>The line, from 1.</summary>
    public int Line { get; } = line;
}
