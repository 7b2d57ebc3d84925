using System.ComponentModel;
using System.Numerics;
using System.Runtime.CompilerServices;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel;

/// <summary>
/// What translated code calls where no single IL instruction or framework method has WebAssembly's meaning.
/// Referenced by name from <c>Pocketgres.Wasm</c> (Translation/RuntimeHelper.cs); not for use by hand-written code.
/// </summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public static unsafe partial class WasmRuntime
{
    /// <summary><c>i32.rem_s</c>: INT_MIN % -1 is 0, where the CLI's <c>rem</c> overflows.</summary>
    /// <exception cref="DivideByZeroException"><paramref name="divisor"/> is 0 (a trap).</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int RemS32(int dividend, int divisor) => divisor == -1 ? 0 : dividend % divisor;

    /// <inheritdoc cref="RemS32"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long RemS64(long dividend, long divisor) => divisor == -1 ? 0 : dividend % divisor;

    /// <summary><c>memory.copy</c>: addresses and count are unsigned; the ranges may overlap.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MemoryCopy(byte* m, int destination, int source, int count) =>
        BulkMemory.Copy(m + (uint)destination, m + (uint)source, (uint)count);

    /// <summary><c>memory.fill</c>: address and count are unsigned.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void MemoryFill(byte* m, int destination, int value, int count)
    {
        if ((byte)value == 0)
        {
            BulkMemory.Clear(m + (uint)destination, (uint)count);
        }
        else
        {
            BulkMemory.Fill(m + (uint)destination, (byte)value, (uint)count);
        }
    }

    /// <summary>
    /// <c>f64.min</c>. Not <see cref="Math.Min(double, double)"/>: .NET 10's JIT gets the sign of zero wrong when an operand is a constant.
    /// </summary>
    public static double Min(double a, double b)
    {
        if (a < b)
        {
            return a;
        }

        if (b < a)
        {
            return b;
        }

        // Equal operands have equal bits unless they are zeros: the sign of either counts. Else there is a NaN.
        return a == b ? BitConverter.Int64BitsToDouble(BitConverter.DoubleToInt64Bits(a) | BitConverter.DoubleToInt64Bits(b)) : a + b;
    }

    /// <summary><c>f64.max</c>; see <see cref="Min(double, double)"/>.</summary>
    public static double Max(double a, double b)
    {
        if (a > b)
        {
            return a;
        }

        if (b > a)
        {
            return b;
        }

        return a == b ? BitConverter.Int64BitsToDouble(BitConverter.DoubleToInt64Bits(a) & BitConverter.DoubleToInt64Bits(b)) : a + b;
    }

    /// <summary><c>f32.min</c>: widening to double and back is exact.</summary>
    public static float Min(float a, float b) => (float)Min((double)a, b);

    /// <summary><c>f32.max</c>.</summary>
    public static float Max(float a, float b) => (float)Max((double)a, b);

    /// <summary>
    /// Reinterprets bits where the JIT's own <see cref="BitConverter.Int32BitsToSingle"/> goes wrong: it makes signalling NaN constants quiet, and
    /// reads four bytes if the bits come from a narrower load. Hence not inlined.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static float SingleFromBits(int bits) => BitConverter.Int32BitsToSingle(bits);

    /// <summary>A rotation whose result may be compared with zero, which .NET 10's JIT gets wrong for constant counts. Hence not inlined.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint RotateLeft(uint value, int count) => BitOperations.RotateLeft(value, count);

    /// <inheritdoc cref="RotateLeft(uint, int)"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong RotateLeft(ulong value, int count) => BitOperations.RotateLeft(value, count);

    /// <inheritdoc cref="RotateLeft(uint, int)"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static uint RotateRight(uint value, int count) => BitOperations.RotateRight(value, count);

    /// <inheritdoc cref="RotateLeft(uint, int)"/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong RotateRight(ulong value, int count) => BitOperations.RotateRight(value, count);

    /// <summary><c>memory.grow</c> in a build whose kernel supplies no host function of that name: a trap.</summary>
    /// <exception cref="TrapException">Always.</exception>
    public static int MemoryGrowUnavailable(byte* m, int pages) =>
        throw new TrapException($"memory.grow by {(uint)pages} pages: no host function \"memory.grow\" was supplied at translation");

    /// <summary>Target of every empty slot of the function table, whatever signature it is called with.</summary>
    /// <exception cref="TrapException">Always.</exception>
    public static void EmptyTableSlot(byte* m) => throw new TrapException("indirect call through an empty slot of the function table");

    /// <summary>The exception that <c>unreachable</c> throws.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Exception Unreachable() => new TrapException("unreachable executed");

    /// <summary>Before a locked host function (<see cref="KernelLocking"/>).</summary>
    public static void EnterKernel(byte* m) => Process.From(m).EnterKernel();

    /// <summary>After it, in a finally block.</summary>
    public static void LeaveKernel(byte* m) => Process.From(m).LeaveKernel();

    /// <summary>At the entry of a bounded function that is called with less stack left than it must have, or when an interrupt is wanted.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void StackLimitReached(byte* m, int place) => Process.From(m).StackLimitReached((InterruptPlace)place);

    /// <summary>Where the code looks for interrupts, when one is wanted.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Interrupted(byte* m, int place)
    {
        // A loop may be in a function that keeps its variables below the stack pointer, because it calls nothing. Who unwinds sets the pointer himself.
        var process = Process.From(m);
        process.StackPointer -= InstanceLayout.RedZone;
        if ((InterruptPlace)place == InterruptPlace.Library)
        {
            process.TakeSignals();
        }
        else
        {
            process.TakeInterrupt((InterruptPlace)place);
        }

        process.StackPointer += InstanceLayout.RedZone;
    }

    /// <summary>The exception that calling an unresolved import throws.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static Exception UnresolvedImport(string name) => new UnresolvedImportException(name);
}
