namespace Pocketgres.Wasm;

/// <summary>The module was read but cannot be translated as asked: a binding, a patch or a limit does not fit. The message says which.</summary>
public class TranslationException : Exception
{
    /// <summary>Creates the exception without a message of its own.</summary>
    public TranslationException()
    {
    }

    /// <summary>Creates the exception.</summary>
    public TranslationException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its cause.</summary>
    public TranslationException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
