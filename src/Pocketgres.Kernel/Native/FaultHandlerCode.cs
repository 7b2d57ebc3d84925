using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Pocketgres.Kernel.Native;

/// <summary>
/// Machine code of signal handlers: <c>if (info->si_code > 0 &amp;&amp; info->si_addr - start &lt; size) { faults[(info->si_addr - start) / slotSize] = info->si_addr;
/// info->si_addr = 8; } goto next;</c> Not C#: a managed method cannot run inside a fault of another one.
/// </summary>
/// <remarks>siginfo_t of 64-bit Linux: si_signo +0, si_errno +4, si_code +8 (positive: from the kernel, not from kill), si_addr +16.</remarks>
/// <param name="code">Where to write; aligned, with room for all handlers (128 bytes each).</param>
/// <param name="start">First address of the range.</param>
/// <param name="slots">Slots in the range.</param>
/// <param name="slotSize">Bytes of a slot.</param>
internal unsafe ref struct FaultHandlerCode(byte* code, byte* start, int slots, long slotSize)
{
    private byte* _at = code;

    /// <summary>Appends a handler that ends by jumping to <paramref name="next"/>; returns its address.</summary>
    public nint Write(nint next, long* faults)
    {
        byte* handler = _at;
        if (RuntimeInformation.ProcessArchitecture == Architecture.Arm64)
        {
            WriteArm64(next, faults);
        }
        else
        {
            WriteX64(next, faults);
        }

        _at = (byte*)(((nint)_at + 15) & ~15);
        return (nint)handler;
    }

    // System V: rdi signal, rsi siginfo, rdx context, which the next handler gets as they are.
    private void WriteX64(nint next, long* faults)
    {
        Bytes(0x83, 0x7E, 0x08, 0x00); //             cmp  dword [rsi+8], 0
        byte* toEnd1 = Jump(0x7E); //                 jle  end
        Bytes(0x48, 0x8B, 0x46, 0x10); //             mov  rax, [rsi+16]
        Bytes(0x49, 0xB8); Long((long)start); //      mov  r8, start
        Bytes(0x4C, 0x29, 0xC0); //                   sub  rax, r8
        Bytes(0x49, 0xB9); Long(slots * slotSize); // mov  r9, size
        Bytes(0x4C, 0x39, 0xC8); //                   cmp  rax, r9
        byte* toEnd2 = Jump(0x73); //                 jae  end
        Bytes(0x49, 0x89, 0xD2); //                   mov  r10, rdx
        Bytes(0x31, 0xD2); //                         xor  edx, edx
        Bytes(0x49, 0xB9); Long(slotSize); //         mov  r9, slotSize
        Bytes(0x49, 0xF7, 0xF1); //                   div  r9
        Bytes(0x4C, 0x89, 0xD2); //                   mov  rdx, r10
        Bytes(0x49, 0xB9); Long((long)faults); //     mov  r9, faults
        Bytes(0x4C, 0x8B, 0x46, 0x10); //             mov  r8, [rsi+16]
        Bytes(0x4D, 0x89, 0x04, 0xC1); //             mov  [r9+rax*8], r8
        Bytes(0x48, 0xC7, 0x46, 0x10, 8, 0, 0, 0); // mov  qword [rsi+16], 8
        Land(toEnd1);
        Land(toEnd2); //                         end:
        Bytes(0x48, 0xB8); Long(next); //             mov  rax, next
        Bytes(0xFF, 0xE0); //                         jmp  rax
    }

    // AAPCS64: x0 signal, x1 siginfo, x2 context. Constants lie behind the code.
    private void WriteArm64(nint next, long* faults)
    {
        const int instructions = 17, constants = instructions + 1; // aligned to 8 bytes
        Word(0xB940_0829); //                              0  ldr  w9, [x1, #8]
        Word(0x7100_013F); //                              1  cmp  w9, #0
        Word(0x5400_000D | Branch19(2, 15)); //            2  b.le end
        Word(0xF940_0829); //                              3  ldr  x9, [x1, #16]
        Word(0x5800_000A | Branch19(4, constants)); //     4  ldr  x10, start
        Word(0xCB0A_012B); //                              5  sub  x11, x9, x10
        Word(0x5800_000C | Branch19(6, constants + 2)); // 6  ldr  x12, size
        Word(0xEB0C_017F); //                              7  cmp  x11, x12
        Word(0x5400_0002 | Branch19(8, 15)); //            8  b.hs end
        Word(0x5800_000C | Branch19(9, constants + 4)); // 9  ldr  x12, slotSize
        Word(0x9ACC_096B); //                             10  udiv x11, x11, x12
        Word(0x5800_000A | Branch19(11, constants + 6)); // 11 ldr x10, faults
        Word(0xF82B_7949); //                             12  str  x9, [x10, x11, lsl #3]
        Word(0xD280_0109); //                             13  mov  x9, #8
        Word(0xF900_0829); //                             14  str  x9, [x1, #16]
        Word(0x5800_0010 | Branch19(15, constants + 8)); // end: ldr x16, next
        Word(0xD61F_0200); //                             16  br   x16
        Word(0);
        Long((long)start);
        Long(slots * slotSize);
        Long(slotSize);
        Long((long)faults);
        Long(next);
    }

    private static uint Branch19(int from, int to) => (uint)(to - from) << 5;

    private byte* Jump(byte opcode)
    {
        Bytes(opcode, 0);
        return _at;
    }

    private readonly void Land(byte* afterJump) => afterJump[-1] = checked((byte)(_at - afterJump));

    private void Bytes(params ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(new Span<byte>(_at, bytes.Length));
        _at += bytes.Length;
    }

    private void Word(uint instruction)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(new Span<byte>(_at, sizeof(uint)), instruction);
        _at += sizeof(uint);
    }

    private void Long(long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(new Span<byte>(_at, sizeof(long)), value);
        _at += sizeof(long);
    }
}
