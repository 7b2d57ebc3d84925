namespace Pocketgres.Pglite;

/// <summary>Results of system calls that PGlite's build replaced by constants, which the compiler then folded into the code around them.</summary>
public static class PgliteFoldedCalls
{
    /// <summary>getpid(). The postmaster's own uses are not patched, so it must run under this id; children are patched to use MyProcPid.</summary>
    public const int GetPid = 42;

    /// <summary>socket() in ListenServerPort.</summary>
    public const int Socket = 10;
}
