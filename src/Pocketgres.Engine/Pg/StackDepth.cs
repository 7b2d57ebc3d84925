using System.Globalization;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Pg;

/// <summary>What Postgres says when the stack of a process's thread is too deep for <c>max_stack_depth</c>, or for the thread (utils/misc/stack_depth.c).</summary>
public static unsafe class StackDepth
{
    /// <summary>
    /// How much larger than a native frame one may be that .NET's compiler made, without what is on the shadow stack. Between 0.9 (json) and 3 (subselects) were measured; with 2,
    /// PL/pgSQL recurses as deep as natively.
    /// </summary>
    private const long FrameSize = 2;

    /// <summary>check_stack_depth(), of which the limit was exceeded. Does not return.</summary>
    [StackDepthCheck("check_stack_depth", Locking = KernelLocking.None)]
    public static void TooDeep(byte* m) => Report(m);

    /// <summary>assign_max_stack_depth(), before it stores the new value.</summary>
    [EntryHook("assign_max_stack_depth", Locking = KernelLocking.None)]
    public static void Assign(byte* m, int newValue, long extra) => Process.From(m).LimitStackDepth(newValue * 1024L * FrameSize);

    /// <summary>What <c>max_stack_depth</c> allows a process that begins. Before the settings are there, what they are at first.</summary>
    internal static long Allowed(Process process) => GuestVariables.MaxStackDepthBytes(process.Memory) is var bytes and > 0 ? bytes * FrameSize : long.MaxValue;

    /// <summary>A bounded function was called with the thread's stack used up. Returns in a critical section, where an error would be a PANIC.</summary>
    internal static void LimitReached(Process process)
    {
        if (GuestVariables.CritSectionCount(process.Memory) == 0)
        {
            Report(process.Memory);
        }
    }

    private static void Report(byte* m)
    {
        string limit = GuestVariables.MaxStackDepth(m).ToString(CultureInfo.InvariantCulture);
        ErrorReport.Throw(m, "54001", "stack depth limit exceeded", "stack_depth.c", "check_stack_depth",
            $"Increase the configuration parameter \"max_stack_depth\" (currently {limit}kB), after ensuring the platform's stack depth limit is adequate.");
    }
}
