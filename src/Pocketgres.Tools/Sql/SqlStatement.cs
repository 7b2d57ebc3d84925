namespace Pocketgres.Sql;

/// <summary>A statement of a script.</summary>
/// <param name="Text">The statement without its semicolon, comments before it included.</param>
/// <param name="Line">The line of its first word, from 1.</param>
/// <param name="Words">Its first words in capitals, comments left out: what tells the kind of statement.</param>
/// <param name="CopyData">What follows <c>COPY ... FROM stdin;</c> up to <c>\.</c>; null for every other statement.</param>
internal sealed record SqlStatement(string Text, int Line, IReadOnlyList<string> Words, string? CopyData)
{
    /// <summary>Whether it begins with these words.</summary>
    public bool StartsWith(params ReadOnlySpan<string> words)
    {
        if (Words.Count < words.Length)
        {
            return false;
        }

        for (int i = 0; i < words.Length; i++)
        {
            if (Words[i] != words[i])
            {
                return false;
            }
        }

        return true;
    }
}
