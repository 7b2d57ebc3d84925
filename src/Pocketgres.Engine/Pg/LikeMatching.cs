using Pocketgres.Engine.Data;
using Pocketgres.Generators;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>A collation's locale (utils/pg_locale.h).</summary>
[GuestStruct("pg_locale_struct")]
internal readonly ref partial struct PgLocale
{
    /// <summary>Whether only equal bytes are equal texts.</summary>
    public partial bool Deterministic { get; }
}

/// <summary>LIKE in databases of UTF-8 (utils/adt/like.c): patterns of texts and <c>%</c> are matched with vectors, all others by PostgreSQL's function.</summary>
public static unsafe class LikeMatching
{
    private const string Function = "UTF8_MatchText";

    /// <summary>UTF8_MatchText(text, its length, pattern, its length, locale), of which only whether the result is 1, a match, counts here.</summary>
    [CallReplacement("GenericMatchText", Function, 1, Locking = KernelLocking.None)]
    public static int Matches(byte* m, long text, int length, long pattern, int patternLength, long locale)
    {
        // A damaged tuple may say that it has less than no bytes.
        if (length >= 0 && patternLength >= 0 && new PgLocale(m, (uint)locale).Deterministic
            && LikePattern.Matches(new(m + (uint)text, length), new(m + (uint)pattern, patternLength)) is { } matches)
        {
            return matches ? 1 : 0;
        }

        return ((delegate*<byte*, long, int, long, int, long, int>)Process.From(m).Export(Function))(m, text, length, pattern, patternLength, locale);
    }
}
