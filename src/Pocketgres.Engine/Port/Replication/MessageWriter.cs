using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Pocketgres.Kernel;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Replication;

/// <summary>Appends a message's fields to a StringInfo: integers in network order, strings in the client's encoding, as libpq/pqformat.h does.</summary>
internal readonly unsafe struct MessageWriter(byte* m, int stringInfo)
{
    private readonly byte* _m = m;
    private readonly Process _process = Process.From(m);
    private readonly int _out = stringInfo;

    public void Byte(char value) => Byte((byte)value);

    public void Byte(byte value) => *Reserve(sizeof(byte)) = value;

    public void Int16(int value) => BinaryPrimitives.WriteInt16BigEndian(new Span<byte>(Reserve(sizeof(short)), sizeof(short)), (short)value);

    public void Int32(int value) => BinaryPrimitives.WriteInt32BigEndian(new Span<byte>(Reserve(sizeof(int)), sizeof(int)), value);

    public void Int64(long value) => BinaryPrimitives.WriteInt64BigEndian(new Span<byte>(Reserve(sizeof(long)), sizeof(long)), value);

    /// <summary>A transaction id that only streamed messages have: 0 means none.</summary>
    public void Xid(int xid)
    {
        if (xid != 0)
        {
            Int32(xid);
        }
    }

    public void Bytes(int address, int count)
    {
        byte* target = Reserve(count);
        LinearMemory.Copy(target, _m + (uint)address, count);
    }

    /// <summary>Bytes of the host's.</summary>
    public void Bytes(ReadOnlySpan<byte> value) => value.CopyTo(new Span<byte>(Reserve(value.Length), value.Length));

    /// <summary>A C string's bytes as they are, without the NUL.</summary>
    public void RawText(int address) => Bytes(address, MemoryMarshal.CreateReadOnlySpanFromNullTerminated(_m + (uint)address).Length);

    /// <summary>A C string with its NUL.</summary>
    public void String(int address)
    {
        Text(address);
        Byte(0);
    }

    /// <summary>A C string's length after conversion, then its bytes without a NUL.</summary>
    public void CountedText(int address)
    {
        int at = Length;
        Int32(0);
        Text(address);
        int count = Length - at - sizeof(int);
        BinaryPrimitives.WriteInt32BigEndian(new Span<byte>(_m + (uint)Data + at, sizeof(int)), count);
    }

    private int Data => *(int*)(_m + (uint)_out + PgliteStructs.StringInfo.Data);

    private ref int Length => ref *(int*)(_m + (uint)_out + PgliteStructs.StringInfo.Length);

    private void Text(int address)
    {
        int length = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(_m + (uint)address).Length;
        ((delegate*<byte*, int, int, int, void>)_process.Function(PgliteFunctions.PqSendText))(_m, _out, address, length);
    }

    // enlargeStringInfo may move the data, and leaves room for a NUL.
    private byte* Reserve(int count)
    {
        int room = *(int*)(_m + (uint)_out + PgliteStructs.StringInfo.Capacity) - Length;
        if (count < 0 || count >= room)
        {
            ((delegate*<byte*, int, int, void>)_process.Function(PgliteFunctions.EnlargeStringInfo))(_m, _out, count);
        }

        byte* target = _m + (uint)Data + Length;
        Length += count;
        return target;
    }
}
