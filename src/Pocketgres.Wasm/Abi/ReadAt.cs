namespace Pocketgres.Wasm.Abi;

/// <summary>Reads bytes of a file, all that are asked for. Any thread.</summary>
/// <param name="offset">Where they begin.</param>
/// <param name="into">Where to.</param>
/// <exception cref="InvalidDataException">The file ends before.</exception>
internal delegate void ReadAt(long offset, Span<byte> into);
