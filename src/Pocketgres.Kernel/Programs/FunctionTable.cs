using System.Runtime.CompilerServices;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Programs;

/// <summary>C function pointers: indexes into the function table below linear memory.</summary>
public static unsafe class FunctionTable
{
    /// <summary>Code address behind a C function pointer. Like translated code, masks instead of checking; empty slots trap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static nint Get(byte* m, int index) =>
        *(nint*)(m + InstanceLayout.TableOffset + (8L * (index & (InstanceLayout.TableSlots - 1))));
}
