namespace Pocketgres.Transfer;

/// <summary>How far a dump or its restoring is.</summary>
/// <param name="Bytes">Bytes of the dump written so far; 0 while restoring.</param>
/// <param name="Activity">What the server says of rows that are copied and indexes that are built; may be empty.</param>
public readonly record struct TransferProgress(long Bytes, string Activity);
