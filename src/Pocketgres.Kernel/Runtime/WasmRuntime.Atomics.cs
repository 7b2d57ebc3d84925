using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel;

/// <summary>Atomic read-modify-writes that the CLI does not have: any of 8 and 16 bits, and <c>xor</c>. They return the old value.</summary>
public static unsafe partial class WasmRuntime
{
    /// <summary><c>i32.atomic.rmw8.*</c>.</summary>
    public static int AtomicUpdate(ref byte target, int operand, int operation)
    {
        byte old = Volatile.Read(ref target);
        while (true)
        {
            byte seen = Interlocked.CompareExchange(ref target, (byte)Apply(operation, old, operand), old);
            if (seen == old)
            {
                return old;
            }

            old = seen;
        }
    }

    /// <summary><c>i32.atomic.rmw16.*</c>.</summary>
    public static int AtomicUpdate(ref ushort target, int operand, int operation)
    {
        ushort old = Volatile.Read(ref target);
        while (true)
        {
            ushort seen = Interlocked.CompareExchange(ref target, (ushort)Apply(operation, old, operand), old);
            if (seen == old)
            {
                return old;
            }

            old = seen;
        }
    }

    /// <summary><c>i32.atomic.rmw.xor</c>.</summary>
    public static int AtomicUpdate(ref int target, int operand, int operation)
    {
        int old = Volatile.Read(ref target);
        while (true)
        {
            int seen = Interlocked.CompareExchange(ref target, (int)Apply(operation, old, operand), old);
            if (seen == old)
            {
                return old;
            }

            old = seen;
        }
    }

    /// <summary><c>i64.atomic.rmw.xor</c>.</summary>
    public static long AtomicUpdate(ref long target, long operand, int operation)
    {
        long old = Volatile.Read(ref target);
        while (true)
        {
            long seen = Interlocked.CompareExchange(ref target, Apply(operation, old, operand), old);
            if (seen == old)
            {
                return old;
            }

            old = seen;
        }
    }

    private static long Apply(int operation, long value, long operand) => (AtomicOperation)operation switch
    {
        AtomicOperation.Add => value + operand,
        AtomicOperation.Subtract => value - operand,
        AtomicOperation.And => value & operand,
        AtomicOperation.Or => value | operand,
        AtomicOperation.Xor => value ^ operand,
        _ => operand,
    };
}
