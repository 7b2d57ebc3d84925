namespace Pocketgres.Wasm.Abi;

/// <summary>What may happen where translated code looks whether it is to be interrupted.</summary>
internal enum InterruptPlace
{
    /// <summary>In code of a library, perhaps in the middle of changing a data structure: what a signal does to a native program, which goes on where it was.</summary>
    Library,

    /// <summary>In code of the program itself or of an extension: that, and an error if the program has not answered for a while.</summary>
    Program,

    /// <summary>In a function that may fail at any time (an allocation): that, and an error.</summary>
    ErrorPoint,
}
