namespace Pocketgres.Wasm.Tests.Support;

/// <summary>A tiny assembler for function bodies. Types are letters: i, j, f, d, and v for none.</summary>
public sealed class Code : ByteWriter
{
    public Code Op(WasmOpcode op)
    {
        if ((int)op > 0xff)
        {
            Raw((byte)((int)op >> 8));
            U32((int)op & 0xff);
        }
        else
        {
            Raw((byte)op);
        }

        return this;
    }

    public Code Ops(params ReadOnlySpan<WasmOpcode> ops)
    {
        foreach (var op in ops)
        {
            Op(op);
        }

        return this;
    }

    public Code Op(WasmOpcode op, int immediate)
    {
        Op(op);
        U32(immediate);
        return this;
    }

    public Code I32(int value)
    {
        Op(WasmOpcode.I32Const);
        S64(value);
        return this;
    }

    public Code I64(long value)
    {
        Op(WasmOpcode.I64Const);
        S64(value);
        return this;
    }

    public Code F32(float value)
    {
        Op(WasmOpcode.F32Const);
        Raw(BitConverter.GetBytes(value));
        return this;
    }

    public Code F32Bits(uint bits)
    {
        Op(WasmOpcode.F32Const);
        Raw(BitConverter.GetBytes(bits));
        return this;
    }

    public Code F64(double value)
    {
        Op(WasmOpcode.F64Const);
        Raw(BitConverter.GetBytes(value));
        return this;
    }

    public Code Const(object value) => value switch
    {
        int i => I32(i),
        long l => I64(l),
        float f => F32(f),
        double d => F64(d),
        _ => throw new ArgumentException("not a WebAssembly value", nameof(value)),
    };

    public Code Get(int local) => Op(WasmOpcode.LocalGet, local);

    public Code Set(int local) => Op(WasmOpcode.LocalSet, local);

    public Code Tee(int local) => Op(WasmOpcode.LocalTee, local);

    public Code Call(int function) => Op(WasmOpcode.Call, function);

    public Code CallIndirect(int type)
    {
        Op(WasmOpcode.CallIndirect, type);
        U32(0u);
        return this;
    }

    /// <summary>A load or store.</summary>
    public Code Memory(WasmOpcode op, ulong offset = 0)
    {
        Op(op, 0);
        U64(offset);
        return this;
    }

    /// <summary>Block, loop or if with everything up to its end.</summary>
    public Code Block(WasmOpcode kind, char result, Action<Code> body)
    {
        Op(kind);
        Raw(TypeCode(result));
        body(this);
        return Op(WasmOpcode.End);
    }

    public Code If(char result, Action<Code> then, Action<Code>? otherwise = null) => Block(WasmOpcode.If, result, c =>
    {
        then(c);
        if (otherwise is not null)
        {
            c.Op(WasmOpcode.Else);
            otherwise(c);
        }
    });

    public Code Br(int depth) => Op(WasmOpcode.Br, depth);

    public Code BrIf(int depth) => Op(WasmOpcode.BrIf, depth);

    /// <summary>The last depth is the default.</summary>
    public Code BrTable(params int[] depths)
    {
        Op(WasmOpcode.BrTable, depths.Length - 1);
        Array.ForEach(depths, U32);
        return this;
    }
}
