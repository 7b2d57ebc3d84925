namespace Pocketgres.Cli.Doctor;

/// <summary>How bad a finding is.</summary>
internal enum FindingLevel
{
    /// <summary>As it should be.</summary>
    Fine,

    /// <summary>Works, and will not when something else goes wrong.</summary>
    Warning,

    /// <summary>Does not work, or loses data.</summary>
    Problem,
}

/// <summary>Something that was looked at.</summary>
/// <param name="Level">How bad it is.</param>
/// <param name="Subject">What was looked at.</param>
/// <param name="Text">What was found.</param>
/// <param name="Advice">What to do; null when it is fine.</param>
internal sealed record Finding(FindingLevel Level, string Subject, string Text, string? Advice = null)
{
    /// <summary>A finding that is fine unless a limit is passed.</summary>
    public static Finding Of(string subject, string text, FindingLevel otherwise, bool isFine, string advice) =>
        isFine ? new Finding(FindingLevel.Fine, subject, text) : new Finding(otherwise, subject, text, advice);

    /// <summary>The finding as a line.</summary>
    public override string ToString()
    {
        string level = Level switch { FindingLevel.Fine => "ok", FindingLevel.Warning => "warning", _ => "PROBLEM" };
        return $"{level,-8}{Subject}: {Text}{(Advice is null ? "" : $": {Advice}")}";
    }
}
