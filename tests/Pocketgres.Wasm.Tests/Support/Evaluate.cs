namespace Pocketgres.Wasm.Tests.Support;

/// <summary>Runs single instructions and small bodies.</summary>
public static class Evaluate
{
    /// <summary>One instruction, with every mix of constant and variable operands (they take different paths in the translator).</summary>
    public static T Op<T>(WasmOpcode op, params object[] operands)
    {
        var builder = new WasmBuilder();
        string signature = Letter(typeof(T)) + string.Concat(operands.Select(o => Letter(o.GetType())));
        int variants = 1 << operands.Length;
        for (int v = 0; v < variants; v++)
        {
            builder.Function(signature, c =>
            {
                for (int i = 0; i < operands.Length; i++)
                {
                    _ = (v >> i & 1) != 0 ? c.Const(operands[i]) : c.Get(i);
                }

                c.Op(op);
            }, $"v{v}");
        }

        using var instance = new TestInstance(builder);
        T result = instance.Call<T>("v0", operands);
        for (int v = 1; v < variants; v++)
        {
            Assert.Equal(Bits(result!), Bits(instance.Call<T>($"v{v}", operands)!));
        }

        return result;
    }

    /// <summary>A function body, given its signature.</summary>
    public static T Body<T>(string signature, Action<Code> body, string locals = "", params object[] arguments)
    {
        var builder = new WasmBuilder();
        builder.Function(signature, body, "run", locals);
        using var instance = new TestInstance(builder);
        return instance.Call<T>("run", arguments);
    }

    public static long Bits(object value) => value switch
    {
        int i => i,
        long l => l,
        float f => BitConverter.SingleToInt32Bits(f),
        double d => BitConverter.DoubleToInt64Bits(d),
        _ => throw new ArgumentException("not a WebAssembly value", nameof(value)),
    };

    public static char Letter(Type type) =>
        type == typeof(int) ? 'i' : type == typeof(long) ? 'j' : type == typeof(float) ? 'f' : 'd';
}
