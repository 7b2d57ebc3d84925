using System.Reflection.Metadata;
using Pocketgres.Wasm.Reading;

namespace Pocketgres.Wasm.Emit;

/// <summary>Arithmetic, comparisons and conversions.</summary>
internal sealed partial class FunctionTranslator
{
    /// <summary>Makes a pending expression of a numeric instruction.</summary>
    private void Numeric(WasmOpcode op)
    {
        switch (op.NumericOperands())
        {
            case 1:
                var operand = Pop();
                Push(new Expression(op, ResultType(op, operand.Type), operand));
                break;
            case 2:
                var operands = Pop(2);
                var result = new Expression(op, ResultType(op, operands[0].Type), operands[0], operands[1]);
                result.MayTrap |= DivisionMayTrap(op, operands[1]);
                Push(result);
                break;
            default:
                throw InstructionReader.Unsupported(op, reader.Position - 1);
        }
    }

    private static bool DivisionMayTrap(WasmOpcode op, Expression divisor) => op switch
    {
        WasmOpcode.I32DivS or WasmOpcode.I64DivS => !divisor.IsConstant || divisor.Immediate is 0 or -1,
        WasmOpcode.I32DivU or WasmOpcode.I64DivU or WasmOpcode.I32RemS or WasmOpcode.I32RemU or WasmOpcode.I64RemS or WasmOpcode.I64RemU =>
            !divisor.IsConstant || divisor.Immediate == 0,
        _ => false,
    };

    private static WasmType ResultType(WasmOpcode op, WasmType operand) => op switch
    {
        >= WasmOpcode.I32Eqz and <= WasmOpcode.F64Ge => WasmType.I32,
        >= WasmOpcode.I32Clz and <= WasmOpcode.F64Copysign => operand,
        _ => ConvertedType(op),
    };

    private static WasmType ConvertedType(WasmOpcode op) => op switch
    {
        (>= WasmOpcode.I32WrapI64 and <= WasmOpcode.I32TruncF64U) or WasmOpcode.I32ReinterpretF32 or WasmOpcode.I32Extend8S
            or WasmOpcode.I32Extend16S or (>= WasmOpcode.I32TruncSatF32S and <= WasmOpcode.I32TruncSatF64U) => WasmType.I32,
        (>= WasmOpcode.F32ConvertI32S and <= WasmOpcode.F32DemoteF64) or WasmOpcode.F32ReinterpretI32 => WasmType.F32,
        (>= WasmOpcode.F64ConvertI32S and <= WasmOpcode.F64PromoteF32) or WasmOpcode.F64ReinterpretI64 => WasmType.F64,
        _ => WasmType.I64,
    };

    private void EmitNumeric(Expression e)
    {
        var op = e.Opcode;
        if (op == WasmOpcode.F32ReinterpretI32 && e.A!.Opcode is >= WasmOpcode.I32Load8S and <= WasmOpcode.I32Load16U)
        {
            // .NET 10's JIT turns this into a load of a float, four bytes wide.
            Emit(e.A);
            Il.Call(context.Emitter.Helper(RuntimeHelper.SingleFromBits), 0);
        }
        else if (RuntimeHelper.For(op) is { } helper)
        {
            Emit(e.A!);
            if (e.B is not null)
            {
                Emit(e.B);
            }

            Il.Call(context.Emitter.Helper(helper), e.B is null ? 0 : -1);
            if (op is WasmOpcode.I64Clz or WasmOpcode.I64Ctz or WasmOpcode.I64Popcnt)
            {
                Il.Unary(ILOpCode.Conv_i8);
            }
        }
        else if (e.B is null)
        {
            Emit(e.A!);
            EmitUnary(op);
        }
        else if (Comparison.Of(op) is { } comparison)
        {
            Emit(e.A!);
            Emit(e.B);
            Il.Binary(comparison.Value);
            if (comparison.Negated)
            {
                EqualsZero();
            }
        }
        else
        {
            EmitBinary(op, e.A!, e.B, operandOfArithmetic: false);
        }
    }

    private void EqualsZero()
    {
        Il.Int32Constant(0);
        Il.Binary(ILOpCode.Ceq);
    }

    private void EmitUnary(WasmOpcode op)
    {
        switch (op)
        {
            case WasmOpcode.I32Eqz:
                EqualsZero();
                break;
            case WasmOpcode.I64Eqz:
                Il.Int64Constant(0);
                Il.Binary(ILOpCode.Ceq);
                break;
            case WasmOpcode.I32Extend8S:
                Il.Unary(ILOpCode.Conv_i1);
                break;
            case WasmOpcode.I32Extend16S:
                Il.Unary(ILOpCode.Conv_i2);
                break;
            case WasmOpcode.I64Extend8S:
                Il.Unary(ILOpCode.Conv_i1);
                Il.Unary(ILOpCode.Conv_i8);
                break;
            case WasmOpcode.I64Extend16S:
                Il.Unary(ILOpCode.Conv_i2);
                Il.Unary(ILOpCode.Conv_i8);
                break;
            case WasmOpcode.I64Extend32S:
                Il.Unary(ILOpCode.Conv_i4);
                Il.Unary(ILOpCode.Conv_i8);
                break;
            case WasmOpcode.F32ConvertI32U or WasmOpcode.F32ConvertI64U:
                Il.Unary(ILOpCode.Conv_r_un);
                Il.Unary(ILOpCode.Conv_r4);
                break;
            case WasmOpcode.F64ConvertI32U or WasmOpcode.F64ConvertI64U:
                Il.Unary(ILOpCode.Conv_r_un);
                Il.Unary(ILOpCode.Conv_r8);
                break;
            default:
                Il.Unary(SimpleUnary(op));
                break;
        }
    }

    /// <summary>
    /// Conversions that are one IL instruction. Since .NET 9 conversions of floats to integers saturate and turn NaN to 0: exactly the
    /// <c>trunc_sat</c> instructions. The trapping <c>trunc</c> instructions saturate as well, which is the one place where translated code
    /// goes on where WebAssembly would trap; C leaves such conversions undefined.
    /// </summary>
    private static ILOpCode SimpleUnary(WasmOpcode op) => op switch
    {
        WasmOpcode.F32Neg or WasmOpcode.F64Neg => ILOpCode.Neg,
        WasmOpcode.I32WrapI64 or WasmOpcode.I32TruncF32S or WasmOpcode.I32TruncF64S
            or WasmOpcode.I32TruncSatF32S or WasmOpcode.I32TruncSatF64S => ILOpCode.Conv_i4,
        WasmOpcode.I32TruncF32U or WasmOpcode.I32TruncF64U
            or WasmOpcode.I32TruncSatF32U or WasmOpcode.I32TruncSatF64U => ILOpCode.Conv_u4,
        WasmOpcode.I64ExtendI32S or WasmOpcode.I64TruncF32S or WasmOpcode.I64TruncF64S
            or WasmOpcode.I64TruncSatF32S or WasmOpcode.I64TruncSatF64S => ILOpCode.Conv_i8,
        WasmOpcode.I64ExtendI32U or WasmOpcode.I64TruncF32U or WasmOpcode.I64TruncF64U
            or WasmOpcode.I64TruncSatF32U or WasmOpcode.I64TruncSatF64U => ILOpCode.Conv_u8,
        WasmOpcode.F32ConvertI32S or WasmOpcode.F32ConvertI64S or WasmOpcode.F32DemoteF64 => ILOpCode.Conv_r4,
        WasmOpcode.F64ConvertI32S or WasmOpcode.F64ConvertI64S or WasmOpcode.F64PromoteF32 => ILOpCode.Conv_r8,
        _ => throw new InvalidOperationException($"{op} is not a conversion"),
    };

    /// <param name="op">The instruction.</param>
    /// <param name="a">Its left operand.</param>
    /// <param name="b">Its right operand.</param>
    /// <param name="operandOfArithmetic">The value goes straight into another arithmetic instruction.</param>
    private void EmitBinary(WasmOpcode op, Expression a, Expression b, bool operandOfArithmetic)
    {
        EmitOperand(a);
        switch (op)
        {
            case WasmOpcode.I32RemS or WasmOpcode.I64RemS when !b.IsConstant || b.Immediate == -1:
                Emit(b);
                Il.Call(context.Emitter.Helper(op == WasmOpcode.I32RemS ? RuntimeHelper.RemS32 : RuntimeHelper.RemS64), -1);
                break;
            case WasmOpcode.I32Rotl or WasmOpcode.I32Rotr or WasmOpcode.I64Rotl or WasmOpcode.I64Rotr:
                Rotate(op, a.Type, b, operandOfArithmetic);
                break;
            case WasmOpcode.I32Shl or WasmOpcode.I32ShrS or WasmOpcode.I32ShrU:
                ShiftCount(b, 31);
                Il.Binary(SimpleBinary(op));
                break;
            case WasmOpcode.I64Shl or WasmOpcode.I64ShrS or WasmOpcode.I64ShrU:
                ShiftCount(b, 63);
                Il.Binary(SimpleBinary(op));
                break;
            default:
                EmitOperand(b);
                Il.Binary(SimpleBinary(op));
                break;
        }
    }

    /// <summary>Emits an operand of an arithmetic instruction.</summary>
    private void EmitOperand(Expression e)
    {
        if (e.Opcode is WasmOpcode.I32Rotl or WasmOpcode.I32Rotr or WasmOpcode.I64Rotl or WasmOpcode.I64Rotr)
        {
            EmitBinary(e.Opcode, e.A!, e.B!, operandOfArithmetic: true);
        }
        else
        {
            Emit(e);
        }
    }

    /// <summary>
    /// Rotates the value on the IL stack. .NET 10's JIT tests the flags of a rotation by a constant when the result is compared with zero,
    /// but rotations leave the zero and sign flags alone. Where the JIT might see such a comparison (also through a local), constant
    /// rotations are therefore two shifts and an addition, which it does not turn back into a rotation, and others are calls that are not inlined
    /// (the JIT may find out that the count is constant).
    /// </summary>
    private void Rotate(WasmOpcode op, WasmType of, Expression count, bool operandOfArithmetic)
    {
        int mask = of == WasmType.I32 ? 31 : 63;
        bool left = op is WasmOpcode.I32Rotl or WasmOpcode.I64Rotl;
        if (count.IsConstant && !operandOfArithmetic)
        {
            int bits = (int)(left ? count.Immediate : -count.Immediate) & mask;
            if (bits != 0)
            {
                int temp = NewTemp(of);
                Il.Op(ILOpCode.Dup, 1);
                Il.StoreLocal(temp);
                Il.Int32Constant(bits);
                Il.Binary(ILOpCode.Shl);
                Il.LoadLocal(temp);
                Il.Int32Constant(mask + 1 - bits);
                Il.Binary(ILOpCode.Shr_un);
                Il.Binary(ILOpCode.Add);
                FreeTemp(temp, of);
            }

            return;
        }

        ShiftCount(count, mask);
        Il.Call(context.Emitter.Helper(RuntimeHelper.Rotate(of, left, opaque: !operandOfArithmetic)), -1);
    }

    /// <summary>Counts are taken modulo the width in WebAssembly, and unspecified beyond it in the CLI. The CLI wants them as int32.</summary>
    private void ShiftCount(Expression count, int mask)
    {
        if (count.IsConstant)
        {
            Il.Int32Constant((int)(count.Immediate & mask));
            return;
        }

        Emit(count);
        if (count.Type == WasmType.I64)
        {
            Il.Unary(ILOpCode.Conv_i4);
        }

        Il.Int32Constant(mask);
        Il.Binary(ILOpCode.And);
    }

    private static ILOpCode SimpleBinary(WasmOpcode op) => op switch
    {
        WasmOpcode.I32Add or WasmOpcode.I64Add or WasmOpcode.F32Add or WasmOpcode.F64Add => ILOpCode.Add,
        WasmOpcode.I32Sub or WasmOpcode.I64Sub or WasmOpcode.F32Sub or WasmOpcode.F64Sub => ILOpCode.Sub,
        WasmOpcode.I32Mul or WasmOpcode.I64Mul or WasmOpcode.F32Mul or WasmOpcode.F64Mul => ILOpCode.Mul,
        WasmOpcode.I32DivS or WasmOpcode.I64DivS or WasmOpcode.F32Div or WasmOpcode.F64Div => ILOpCode.Div,
        WasmOpcode.I32DivU or WasmOpcode.I64DivU => ILOpCode.Div_un,
        WasmOpcode.I32RemS or WasmOpcode.I64RemS => ILOpCode.Rem,
        WasmOpcode.I32RemU or WasmOpcode.I64RemU => ILOpCode.Rem_un,
        WasmOpcode.I32And or WasmOpcode.I64And => ILOpCode.And,
        WasmOpcode.I32Or or WasmOpcode.I64Or => ILOpCode.Or,
        WasmOpcode.I32Xor or WasmOpcode.I64Xor => ILOpCode.Xor,
        WasmOpcode.I32Shl or WasmOpcode.I64Shl => ILOpCode.Shl,
        WasmOpcode.I32ShrS or WasmOpcode.I64ShrS => ILOpCode.Shr,
        WasmOpcode.I32ShrU or WasmOpcode.I64ShrU => ILOpCode.Shr_un,
        _ => throw new InvalidOperationException($"{op} is not a binary instruction"),
    };
}
