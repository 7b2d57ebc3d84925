namespace Pocketgres.Engine;

/// <summary>What a check found.</summary>
/// <param name="Verdict">The judgement.</param>
/// <param name="CleanlyStopped">Whether the last server stopped cleanly; else the next start recovers.</param>
/// <param name="IsUnrestoredBackup">Whether this is a base backup that was never started.</param>
/// <param name="Files">Files of tables and indexes that were read.</param>
/// <param name="Pages">Pages that were read.</param>
/// <param name="ProblemCount">How many problems there are.</param>
/// <param name="Problems">The first hundred of them, a line each.</param>
/// <param name="Notes">The first hundred things that are no damage but worth knowing, a line each.</param>
/// <param name="HasControlFile">Whether the control file can be read: without it nothing else was looked at.</param>
public sealed record CheckReport(
    CheckVerdict Verdict, bool CleanlyStopped, bool IsUnrestoredBackup, int Files, long Pages, long ProblemCount, IReadOnlyList<string> Problems,
    IReadOnlyList<string> Notes, bool HasControlFile);

/// <summary>The judgement over a data directory.</summary>
public enum CheckVerdict
{
    /// <summary>No problem was found.</summary>
    Intact,

    /// <summary>Something is damaged.</summary>
    Damaged,

    /// <summary>
    /// Problems were found that may be none: the server was not stopped cleanly, or this is an unrestored backup, so that recovery, which rewrites pages
    /// that were being written, may repair them; or they are in a directory that may belong to no database.
    /// </summary>
    Undecided,
}
