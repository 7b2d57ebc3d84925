using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Pocketgres.Kernel;
using Process = Pocketgres.Kernel.Process;

namespace Pocketgres.Engine.Pg;

/// <summary>
/// ereport() for host functions. An ERROR longjmps: it unwinds the .NET frames above as <see cref="LongjmpException"/>, so whoever reports
/// one must hold nothing that a finally block would not give back.
/// </summary>
internal static unsafe class ErrorReport
{
    /// <summary>LOG of utils/elog.h.</summary>
    public const int Log = 15;

    /// <summary>ERROR of utils/elog.h.</summary>
    public const int Error = 21;

    /// <summary>FATAL of utils/elog.h: ends the session.</summary>
    public const int Fatal = 22;

    /// <summary>Reports an ERROR with this SQLSTATE; never returns.</summary>
    /// <param name="m">The process's memory.</param>
    /// <param name="sqlState">Five characters, or null for elog()'s XX000.</param>
    /// <param name="message">The primary message, already formatted.</param>
    /// <param name="file">C file that a stock server names in the report.</param>
    /// <param name="function">C function that a stock server names in the report.</param>
    /// <param name="hint">What to do about it, or null.</param>
    [DoesNotReturn]
    public static void Throw(byte* m, string? sqlState, string message, string file, string function, string? hint = null)
    {
        Write(m, Error, sqlState, message, file, function, hint);
        throw new UnreachableException("errfinish() returned from an ERROR");
    }

    /// <summary>Reports at any level; returns unless it is ERROR or above.</summary>
    public static void Write(byte* m, int level, string? sqlState, string message, string file, string function, string? hint = null)
    {
        var process = Process.From(m);
        if (((delegate*<byte*, int, long, int>)process.Export("errstart"))(m, level, 0) == 0)
        {
            return;
        }

        if (sqlState is not null)
        {
            ((delegate*<byte*, int, int>)process.Export("errcode"))(m, Pack(sqlState));
        }

        ((delegate*<byte*, long, long, int>)process.Export("errmsg_internal"))(m, (uint)Format(process, m, message), 0);
        if (hint is not null)
        {
            ((delegate*<byte*, long, long, int>)process.Export("errhint"))(m, (uint)Format(process, m, hint), 0);
        }

        ((delegate*<byte*, long, int, long, void>)process.Export("errfinish"))(
            m, (uint)AllocateString(process, m, file), 0, (uint)AllocateString(process, m, function));
    }

    /// <summary>A printf format that prints just this text.</summary>
    private static int Format(Process process, byte* m, string text) => AllocateString(process, m, text.Replace("%", "%%", StringComparison.Ordinal));

    /// <summary>MAKE_SQLSTATE of utils/elog.h: six bits a character, the first one lowest.</summary>
    public static int Pack(string sqlState)
    {
        int code = 0;
        for (int i = sqlState.Length - 1; i >= 0; i--)
        {
            code = (code << 6) | ((sqlState[i] - '0') & 0x3F);
        }

        return code;
    }

    /// <summary>A C string, palloc'd: freed with the memory context of the statement.</summary>
    public static int AllocateString(Process process, byte* m, string value)
    {
        int size = Encoding.UTF8.GetByteCount(value) + 1;
        int address = (int)((delegate*<byte*, long, long>)process.Export("palloc"))(m, size);
        CString.TryWrite(m, address, size, value);
        return address;
    }
}
