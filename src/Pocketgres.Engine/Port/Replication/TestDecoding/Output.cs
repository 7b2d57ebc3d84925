using System.Globalization;
using System.Text;
using Pocketgres.Kernel;
using Pocketgres.Pglite;
using Context = Pocketgres.Pglite.PgliteStructs.LogicalDecodingContext;

namespace Pocketgres.Engine.Port.Replication.TestDecoding;

/// <summary>One line of output: begun, filled, written. Text of the server's is in its own encoding and stays so.</summary>
internal readonly unsafe struct Output
{
    private readonly byte* _m;
    private readonly int _context;
    private readonly bool _last;
    private readonly MessageWriter _writer;

    /// <summary>OutputPluginPrepareWrite.</summary>
    /// <param name="m">The process's memory.</param>
    /// <param name="context">The decoding context.</param>
    /// <param name="last">Whether it is the last line of the callback.</param>
    public Output(byte* m, int context, bool last = true)
    {
        _m = m;
        _context = context;
        _last = last;
        ((delegate*<byte*, int, int, void>)Process.From(m).Export("OutputPluginPrepareWrite"))(m, context, last ? 1 : 0);
        _writer = new MessageWriter(m, *(int*)(m + (uint)context + Context.Output));
    }

    /// <summary>OutputPluginWrite.</summary>
    public void Write() => ((delegate*<byte*, int, int, void>)Process.From(_m).Export("OutputPluginWrite"))(_m, _context, _last ? 1 : 0);

    /// <summary>A short text of the plugin's own.</summary>
    public void Add(string ascii)
    {
        Span<byte> bytes = stackalloc byte[ascii.Length];
        Encoding.ASCII.GetBytes(ascii, bytes);
        _writer.Bytes(bytes);
    }

    public void Add(uint number) => Add(number.ToString(CultureInfo.InvariantCulture));

    /// <summary>A C string.</summary>
    public void AddText(int address) => _writer.RawText(address);

    public void AddBytes(int address, int count) => _writer.Bytes(address, count);

    /// <summary>A C string as a literal: in quotes, quotes inside doubled.</summary>
    public void AddQuoted(int address)
    {
        var text = new Guest(_m).Text(address);
        Add("'");
        if (!text.Contains((byte)'\''))
        {
            AddText(address);
        }
        else
        {
            // Single bytes never are a part of another character in a server's encoding.
            for (int i = 0; i < text.Length; i++)
            {
                if (_m[(uint)address + i] == '\'')
                {
                    Add("'");
                }

                AddBytes(address + i, 1);
            }
        }

        Add("'");
    }

    /// <summary>quote_literal_cstr().</summary>
    public void AddLiteral(int address) => AddText(new Guest(_m).Call("quote_literal_cstr", address));

    /// <summary>A transaction's id after a prefix, when ids are asked for.</summary>
    public void AddXid(string prefix, int transaction)
    {
        if (Session.DataOf(_m, _context)[Session.IncludeXids] != 0)
        {
            Add(prefix);
            Add(*(uint*)(_m + (uint)transaction + PgliteStructs.ReorderBufferTransaction.Xid));
        }
    }

    /// <summary>The time of commit, prepare or abort, when times are asked for.</summary>
    public void AddTime(int transaction)
    {
        if (Session.DataOf(_m, _context)[Session.IncludeTimestamp] != 0)
        {
            Add(" (at ");
            AddText(new Guest(_m).TimestampText(*(long*)(_m + (uint)transaction + PgliteStructs.ReorderBufferTransaction.Time)));
            Add(")");
        }
    }
}
