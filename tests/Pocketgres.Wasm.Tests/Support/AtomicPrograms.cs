using static Pocketgres.Wasm.WasmOpcode;

namespace Pocketgres.Wasm.Tests.Support;

/// <summary>
/// Programs of which two threads run a function at a time, and whose outcome shows whether an atomic instruction did what it is for. An attempt returns true if something was seen that
/// cannot be where the instruction works.
/// </summary>
internal sealed class AtomicPrograms : IDisposable
{
    private const int Cell = 0x1000;
    private const int OtherCell = 0x2000; // in another cache line
    private const int Logs = 0x10000;
    private readonly TestInstance instance;
    private readonly Func<AtomicPrograms, bool> attempt;

    private AtomicPrograms(WasmBuilder builder, CodeVariant variant, Func<AtomicPrograms, bool> attempt)
    {
        instance = new TestInstance(ModuleTranslator.Translate(new TranslationOptions
        {
            Module = builder.Parse(),
            AssemblyName = "TestMain",
            HostFunctions = TestHost.Functions,
            Variant = variant,
        }));
        this.attempt = attempt;
    }

    public static WasmOpcode Opcode(string name) => Enum.GetValues<WasmOpcode>().Single(op => op >= AtomicNotify && AtomicInstructions.Name(op) == name);

    /// <summary>Two threads update one cell.</summary>
    public static AtomicPrograms Updates(string name, CodeVariant variant)
    {
        var op = Opcode(name);
        if (name.Contains(".cmpxchg", StringComparison.Ordinal))
        {
            return Counters(name, op, variant);
        }

        return name.Contains(".xchg", StringComparison.Ordinal) ? Tokens(name, op, variant) : Bits(name, variant);
    }

    /// <summary>
    /// Store buffering: each thread stores its number's next value and then loads the other one's. Of two such pairs one comes first in any order that both agree on, so that one load
    /// at least sees the other thread's store.
    /// </summary>
    public static AtomicPrograms StoreBuffering(string barrier, CodeVariant variant)
    {
        const int Rounds = 100_000;
        var op = Opcode(barrier);
        var builder = new WasmBuilder();
        builder.Function("iii", c => c.Block(Loop, 'v', l =>
        {
            l.Get(2).I32(1).Op(I32Add).Set(2);
            l.Get(0).I32(12).Op(I32Shl).I32(Cell).Op(I32Add);
            _ = op == I32AtomicAdd ? l.I32(1) : l.Get(2);
            if (op == AtomicFence)
            {
                l.Memory(I32Store).Op(AtomicFence).Raw(0);
            }
            else
            {
                l.Memory(op).Op(Drop);
            }

            l.Get(0).I32(Rounds * 4).Op(I32Mul).Get(2).I32(2).Op(I32Shl).Op(I32Add);
            l.I32(OtherCell).Get(0).I32(12).Op(I32Shl).Op(I32Sub).Memory(I32Load).Memory(I32Store, Logs - 4);
            l.Get(2).Get(1).Op(I32LtS).BrIf(0);
        }).I32(0), "run", "i");
        return new AtomicPrograms(builder, variant, p =>
        {
            p.instance.Bytes(Cell, OtherCell + 4 - Cell).Clear();
            p.RunBoth(0, 1, Rounds);
            for (int i = 1; i <= Rounds; i++)
            {
                int seen = p.instance.I32(Logs + (4 * (i - 1)));
                if (seen < Rounds && p.instance.I32(Logs + (4 * (Rounds + seen))) < i)
                {
                    return true; // my load came before the other one's next store, and its load after that did not see my store
                }
            }

            return false;
        });
    }

    /// <summary>One thread looks at a cell that another one changes all the time. Having seen no change in twenty looks, in each of which it was changed, is what cannot be.</summary>
    public static AtomicPrograms Watching(string name, CodeVariant variant)
    {
        var builder = new WasmBuilder();
        builder.Function("ii", c =>
        {
            Read(c).Set(1);
            c.Block(Loop, 'v', l => Read(l).Get(1).Op(I32Ne).Get(2).Op(I32Add).Set(2).Get(0).I32(1).Op(I32Sub).Tee(0).BrIf(0)).Get(2);
        }, "run", "ii");
        return new AtomicPrograms(builder, variant, p =>
        {
            using var changer = new Changer(p);
            for (int looks = 0; looks < 20;)
            {
                long writes = changer.Writes;
                if (p.instance.Call("run", 2_000_000) > 0)
                {
                    return false;
                }

                looks += changer.Writes > writes ? 1 : 0; // a busy machine may not let the other one run meanwhile
            }

            return true;
        });

        Code Read(Code c)
        {
            c.I32(0).Memory(Opcode(name), Cell);
            return name.StartsWith("i64", StringComparison.Ordinal) ? c.Op(I32WrapI64) : c;
        }
    }

    /// <summary>Whether an attempt sees it.</summary>
    public bool Try() => attempt(this);

    /// <summary>Whether one of many attempts does, that take four minutes at most: a busy machine lets two threads run at once now and then only.</summary>
    public bool TryLong()
    {
        for (long end = Environment.TickCount64 + 240_000; Environment.TickCount64 < end;)
        {
            if (Try())
            {
                return true;
            }
        }

        return false;
    }

    public void Dispose() => instance.Dispose();

    // Each thread sets and clears its own bit, and looks whether that is as it left it.
    private static AtomicPrograms Bits(string name, CodeVariant variant)
    {
        string[] pair = name switch
        {
            _ when name.Contains(".add", StringComparison.Ordinal) => [name, name.Replace(".add", ".sub", StringComparison.Ordinal)],
            _ when name.Contains(".sub", StringComparison.Ordinal) => [name.Replace(".sub", ".add", StringComparison.Ordinal), name],
            _ when name.Contains(".or", StringComparison.Ordinal) => [name, name.Replace(".or", ".and", StringComparison.Ordinal)],
            _ when name.Contains(".and", StringComparison.Ordinal) => [name.Replace(".and", ".or", StringComparison.Ordinal), name],
            _ => [name, name],
        };
        bool wide = name.StartsWith("i64", StringComparison.Ordinal);
        var builder = new WasmBuilder();
        builder.Function("iii", c => c.Block(Loop, 'v', l =>
        {
            for (int i = 0; i < 2; i++)
            {
                l.I32(Cell).Get(0);
                _ = pair[i].Contains(".and", StringComparison.Ordinal) ? l.I32(-1).Op(I32Xor) : l;
                _ = wide ? l.Op(I64ExtendI32S).Memory(Opcode(pair[i])).Op(I32WrapI64) : l.Memory(Opcode(pair[i]));
                l.Get(0).Op(I32And).Op(I32Eqz).I32(1 - i).Op(I32Xor).Get(2).Op(I32Add).Set(2);
            }

            l.Get(1).I32(1).Op(I32Sub).Tee(1).BrIf(0);
        }).Get(2), "run", "i");
        return new AtomicPrograms(builder, variant, p =>
        {
            p.instance.Bytes(Cell, 8).Clear();
            var (first, second) = p.RunBoth(1, 2, 4000);
            return first + second > 0;
        });
    }

    // Each thread exchanges what it holds for what is there: nothing may get lost.
    private static AtomicPrograms Tokens(string name, WasmOpcode op, CodeVariant variant)
    {
        bool wide = name.StartsWith("i64", StringComparison.Ordinal);
        var builder = new WasmBuilder();
        builder.Function("iii", c => c.Block(Loop, 'v', l =>
        {
            l.I32(Cell).Get(0);
            _ = wide ? l.Op(I64ExtendI32U).Memory(op).Op(I32WrapI64) : l.Memory(op);
            l.Set(0).Get(1).I32(1).Op(I32Sub).Tee(1).BrIf(0);
        }).Get(0), "run");
        return new AtomicPrograms(builder, variant, p =>
        {
            p.instance.Write(Cell, 3);
            var (first, second) = p.RunBoth(1, 2, 4000);
            return !new[] { first, second, p.instance.I32(Cell) }.Order().SequenceEqual([1, 2, 3]);
        });
    }

    // Each thread counts.
    private static AtomicPrograms Counters(string name, WasmOpcode op, CodeVariant variant)
    {
        const int Rounds = 4000;
        bool wide = name.StartsWith("i64", StringComparison.Ordinal);
        int bits = (op - I32AtomicCompareExchange) switch { 0 or 6 => 32, 1 => 64, 2 or 4 => 8, _ => 16 };
        var load = Opcode(name.Split(".rmw")[0] + ".load" + (bits == (wide ? 64 : 32) ? "" : $"{bits}_u"));
        var builder = new WasmBuilder();
        builder.Function("iii", c => c.Block(Loop, 'v', l =>
        {
            l.I32(Cell).I32(Cell).Memory(load).Tee(2).Get(2);
            _ = wide ? l.I64(1).Op(I64Add).Memory(op).Get(2).Op(I64Ne) : l.I32(1).Op(I32Add).Memory(op).Get(2).Op(I32Ne);
            l.BrIf(0).Get(1).I32(1).Op(I32Sub).Tee(1).BrIf(0);
        }).I32(0), "run", wide ? "j" : "i");
        return new AtomicPrograms(builder, variant, p =>
        {
            p.instance.Bytes(Cell, 8).Clear();
            p.RunBoth(0, 0, Rounds);
            return BitConverter.ToInt64(p.instance.Bytes(Cell, 8)) != (bits < 16 ? 2 * Rounds & ((1 << bits) - 1) : 2 * Rounds);
        });
    }

    private (int First, int Second) RunBoth(int first, int second, int rounds)
    {
        using var together = new Barrier(2);
        int[] results = new int[2];
        var threads = new[] { first, second }.Select((argument, i) => new Thread(() =>
        {
            together.SignalAndWait();
            results[i] = instance.Call("run", argument, rounds);
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        return (results[0], results[1]);
    }

    // A thread that changes the cell until it is disposed of.
    private sealed class Changer : IDisposable
    {
        private readonly Thread thread;
        private volatile bool isDone;
        private long writes;

        public Changer(AtomicPrograms programs)
        {
            thread = new Thread(() =>
            {
                while (!isDone)
                {
                    programs.instance.Write(Cell, (int)writes);
                    Volatile.Write(ref writes, writes + 1);
                }
            });
            thread.Start();
        }

        public long Writes => Volatile.Read(ref writes);

        public void Dispose()
        {
            isDone = true;
            thread.Join();
        }
    }
}
