using System.Runtime.InteropServices;
using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Replication.TestDecoding;

/// <summary>The server's functions that the plugin calls. Any of them may report an ERROR, which unwinds the caller.</summary>
internal readonly unsafe struct Guest(byte* m)
{
    private readonly byte* _m = m;
    private readonly Process _process = Process.From(m);

    public ReadOnlySpan<byte> Text(int address) => MemoryMarshal.CreateReadOnlySpanFromNullTerminated(_m + (uint)address);

    public int AllocateZero(int context, int size) => Call("MemoryContextAllocZero", context, size);

    public int Allocate(int size) => Call("palloc", size);

    public void Free(int address) => ((delegate*<byte*, int, void>)_process.Function(PgliteFunctions.PFree))(_m, address);

    /// <summary>MemoryContextSwitchTo: the context before.</summary>
    public int SwitchTo(int context)
    {
        int* current = (int*)(_m + PgliteAddresses.CurrentMemoryContext);
        int before = *current;
        *current = context;
        return before;
    }

    /// <summary>A context with the default sizes (ALLOCSET_DEFAULT_SIZES).</summary>
    public int CreateContext(int parent, int name) =>
        ((delegate*<byte*, int, int, int, int, int, int>)_process.Export("AllocSetContextCreateInternal"))(_m, parent, name, 0, 8 * 1024, 8 * 1024 * 1024);

    public void DeleteContext(int context) => ((delegate*<byte*, int, void>)_process.Export("MemoryContextDelete"))(_m, context);

    public void ResetContext(int context) => ((delegate*<byte*, int, void>)_process.Export("MemoryContextReset"))(_m, context);

    public int Call(string function, int a) => ((delegate*<byte*, int, int>)_process.Export(function))(_m, a);

    public int Call(string function, int a, int b) => ((delegate*<byte*, int, int, int>)_process.Export(function))(_m, a, b);

    /// <summary>The function (OID) that makes text of a type's values, and whether these are of variable length.</summary>
    public int OutputFunction(int type, out bool isVarlena)
    {
        int stack = _process.StackPointer;
        int results = _process.StackAllocate(8);
        ((delegate*<byte*, int, int, int, void>)_process.Export("getTypeOutputInfo"))(_m, type, results, results + 4);
        _process.StackPointer = stack;
        isVarlena = _m[(uint)results + 4] != 0;
        return *(int*)(_m + (uint)results);
    }

    public int Format(int outputFunction, int value) =>
        ((delegate*<byte*, int, int, int>)_process.Function(PgliteFunctions.OidOutputFunctionCall))(_m, outputFunction, value);

    public int TimestampText(long timestamp) => ((delegate*<byte*, long, int>)_process.Export("timestamptz_to_str"))(_m, timestamp);

    public void Deform(int tuple, int descriptor, int values, int nulls) =>
        ((delegate*<byte*, int, int, int, int, void>)_process.Export("heap_deform_tuple"))(_m, tuple, descriptor, values, nulls);

    /// <summary>parse_bool(): null when it is none.</summary>
    public bool? ParseBoolean(int text)
    {
        int stack = _process.StackPointer;
        int result = _process.StackAllocate(1);
        bool valid = Call("parse_bool", text, result) != 0;
        _process.StackPointer = stack;
        return valid ? _m[(uint)result] != 0 : null;
    }
}
