namespace Pocketgres.Engine.Data;

/// <summary>Matches texts against patterns of LIKE that have no wildcard but <c>%</c> and no escape: their parts are looked for one after the other, with vectors.</summary>
/// <remarks>
/// Equal bytes are equal characters in UTF-8, and a part's first byte never occurs inside of a character: so bytes can be looked for. A greedy search is right, because a part that is
/// found earlier leaves more room for the following ones.
/// </remarks>
internal static class LikePattern
{
    /// <summary>The most bytes that may have to be compared, text by pattern: what takes longer must be interruptible, as the module's own loop is.</summary>
    private const long Most = 16 << 20;

    /// <summary>Whether a text in UTF-8 matches, or null if the pattern is not of that kind or the two are too long.</summary>
    public static bool? Matches(ReadOnlySpan<byte> text, ReadOnlySpan<byte> pattern)
    {
        if ((long)text.Length * pattern.Length > Most || pattern.IndexOfAny((byte)'_', (byte)'\\') >= 0)
        {
            return null;
        }

        int percent = pattern.IndexOf((byte)'%');
        if (percent < 0)
        {
            return text.SequenceEqual(pattern);
        }

        if (!text.StartsWith(pattern[..percent]))
        {
            return false;
        }

        text = text[percent..];
        pattern = pattern[(percent + 1)..];
        while ((percent = pattern.IndexOf((byte)'%')) >= 0)
        {
            int found = text.IndexOf(pattern[..percent]);
            if (found < 0)
            {
                return false;
            }

            text = text[(found + percent)..];
            pattern = pattern[(percent + 1)..];
        }

        return text.EndsWith(pattern);
    }
}
