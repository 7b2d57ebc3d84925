namespace Pocketgres.Wasm;

/// <summary>One or more patches did not find what they expect in the module.</summary>
public sealed class PatchException : TranslationException
{
    /// <summary>Creates the exception without a message of its own.</summary>
    public PatchException()
    {
    }

    /// <summary>Creates the exception.</summary>
    public PatchException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    public PatchException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates the exception for everything that does not match.</summary>
    public PatchException(IReadOnlyList<string> mismatches)
        : base("the module does not match its patches:" + string.Concat(mismatches.Select(m => Environment.NewLine + "  " + m))) =>
        Mismatches = mismatches;

    /// <summary>One line for each mismatch: the patch's name, what was expected, what was found.</summary>
    public IReadOnlyList<string> Mismatches { get; } = [];
}
