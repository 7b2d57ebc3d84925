using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port;

/// <summary>How C library functions report errors: -1 and errno.</summary>
internal static unsafe class LibcError
{
    /// <summary>0, or -1 with errno set.</summary>
    public static int Result(byte* m, Errno error)
    {
        if (error == Errno.None)
        {
            return 0;
        }

        *(int*)(m + PgliteAddresses.Errno) = (int)error;
        return -1;
    }

    /// <summary>A count or descriptor, or -1 with errno set when the kernel's result is a negated errno.</summary>
    public static int Result(byte* m, int result) => result >= 0 ? result : Result(m, (Errno)(-result));
}
