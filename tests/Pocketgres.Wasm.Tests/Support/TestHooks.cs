using Pocketgres.Kernel;

namespace Pocketgres.Wasm.Tests.Support;

/// <summary>Host functions that are bound to functions of a program by their names.</summary>
public static unsafe class TestHooks
{
    [EntryHook("with_entry", Locking = KernelLocking.None)]
    public static void Entry(byte* m, int value) => TestHost.Write(m, 100 + value);

    [FunctionReplacement("replaced", Locking = KernelLocking.None)]
    public static int Replaced(byte* m, int value) => value * 2;

    [CallReplacement("caller", "callee", 1, Locking = KernelLocking.None)]
    public static int First(byte* m, int value) => value + 1000;

    [CallReplacement("caller", "callee", 2, Locking = KernelLocking.None)]
    public static int Others(byte* m, int value) => value + 2000;
}
