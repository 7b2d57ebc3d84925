using System.Globalization;
using System.Text;

namespace Pocketgres.ObjectStore.Transport;

/// <summary>
/// Reads an answer of HTTP/1.1 (RFC 9112) from its bytes, as they come. One state machine rather than a method for each part that would wait for bytes
/// itself: .NET compiles five methods at the first use of each asynchronous one, and a wake would wait for them.
/// </summary>
internal sealed class HttpAnswer
{
    private const int BufferSize = 16 << 10, MostOfHead = 64 << 10, MostOfBody = 1 << 30;
    private byte[] _buffer = new byte[BufferSize]; // of the head, chunks, and a body without a length
    private int _start, _end; // what is in the buffer
    private byte[] _body = []; // of a known length, or the chunks that came
    private int _filled;
    private int _chunk; // bytes that its current chunk still has
    private Part _part;

    private enum Part
    {
        Head,
        Body,
        ChunkSize,
        Chunk,
        ChunkEnd,
        Trailers,
        ToEnd,
    }

    /// <summary>Where the next bytes belong; never empty.</summary>
    public Memory<byte> Room
    {
        get
        {
            if (_part == Part.Body)
            {
                return _body.AsMemory(_filled);
            }

            if (_start > 0)
            {
                _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
                (_start, _end) = (0, _end - _start);
            }

            if (_end == _buffer.Length)
            {
                Array.Resize(ref _buffer, _buffer.Length * 2);
            }

            return _buffer.AsMemory(_end);
        }
    }

    /// <summary>Status, headers and, once it is whole, body; null until the head is known.</summary>
    public StoreResponse? Response { get; private set; }

    /// <summary>Whether another answer may follow on the connection. Known once it is whole.</summary>
    public bool IsPersistent { get; private set; }

    private ReadOnlySpan<byte> Unread => _buffer.AsSpan(_start, _end - _start);

    /// <summary>Takes bytes that came into <see cref="Room"/>.</summary>
    /// <param name="count">How many; 0 for the end of the connection.</param>
    /// <returns>Whether the answer is whole.</returns>
    /// <exception cref="IOException">It is not an answer, or one that is cut off.</exception>
    public bool Take(int count)
    {
        if (count == 0 && _part != Part.ToEnd)
        {
            throw new IOException(Response is null && Unread.IsEmpty ? "the connection was closed before an answer" : "the answer ended in the middle");
        }

        bool isWhole;
        if (_part == Part.Body)
        {
            _filled += count;
            isWhole = _filled == _body.Length;
        }
        else
        {
            _end += count;
            isWhole = _part == Part.ToEnd ? IsEnd(count) : ReadHeads() && ReadBody();
        }

        if (isWhole)
        {
            byte[] body = _part == Part.ToEnd ? Unread.ToArray() : _filled == _body.Length ? _body : _body[.._filled];
            IsPersistent &= _part != Part.ToEnd && Unread.IsEmpty && !"close".Equals(Response!.Header("Connection"), StringComparison.OrdinalIgnoreCase);
            Response = Response! with { Body = body };
        }

        return isWhole;
    }

    private bool IsEnd(int count) => _end - _start <= MostOfBody ? count == 0 : throw new IOException("the answer does not end");

    // What comes before the answer proper (100 Continue) is passed over. False when more bytes are needed.
    private bool ReadHeads()
    {
        while (_part == Part.Head)
        {
            int length = Unread.IndexOf("\r\n\r\n"u8);
            if (length < 0)
            {
                return Unread.Length <= MostOfHead ? false : throw new IOException("the answer's headers do not end");
            }

            var response = Parse(Encoding.Latin1.GetString(Unread[..length]));
            _start += length + 4;
            if (response.Status is < 100 or >= 200)
            {
                Response = response;
                _part = BodyOf(response);
            }
        }

        return true;
    }

    private StoreResponse Parse(string head)
    {
        string[] lines = head.Split("\r\n"), first = lines[0].Split(' ', 3);
        if (first.Length < 2 || !first[0].StartsWith("HTTP/1.", StringComparison.Ordinal) || !int.TryParse(first[1], NumberStyles.None, CultureInfo.InvariantCulture, out int status))
        {
            throw new IOException("the answer is not one of HTTP/1.1");
        }

        var headers = new List<(string Name, string Value)>(lines.Length - 1);
        for (int i = 1; i < lines.Length; i++)
        {
            int colon = lines[i].IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                headers.Add((lines[i][..colon], lines[i][(colon + 1)..].Trim()));
            }
        }

        IsPersistent = first[0] == "HTTP/1.1";
        return new StoreResponse(status, headers, []);
    }

    private Part BodyOf(StoreResponse head)
    {
        if (head.Status is 204 or 304)
        {
            return Part.Body;
        }

        if (head.Header("Transfer-Encoding") is { } coding)
        {
            return coding.Equals("chunked", StringComparison.OrdinalIgnoreCase) ? Part.ChunkSize : throw new IOException($"the answer has an unknown transfer coding, {coding}");
        }

        if (head.Header("Content-Length") is { } said)
        {
            _body = int.TryParse(said, NumberStyles.None, CultureInfo.InvariantCulture, out int length) && length <= MostOfBody ? new byte[length]
                : throw new IOException($"the answer says that it has {said} bytes");
            return Part.Body;
        }

        return Part.ToEnd;
    }

    // What is in the buffer behind the head. False when more bytes are needed.
    private bool ReadBody()
    {
        if (_part == Part.Body)
        {
            _filled = Math.Min(_body.Length, Unread.Length);
            Unread[.._filled].CopyTo(_body);
            _start += _filled;
            return _filled == _body.Length;
        }

        return _part != Part.ToEnd && ReadChunks();
    }

    private bool ReadChunks()
    {
        while (true)
        {
            if (_part == Part.Chunk)
            {
                int n = Math.Min(_chunk, Unread.Length);
                Unread[..n].CopyTo(_body.AsSpan(_filled));
                _filled += n;
                _start += n;
                _chunk -= n;
                if (_chunk > 0)
                {
                    return false;
                }

                _part = Part.ChunkEnd;
            }

            int length = Unread.IndexOf("\r\n"u8);
            if (length < 0)
            {
                return Unread.Length <= MostOfHead ? false : throw new IOException("the answer's chunks make no sense");
            }

            var line = Unread[..length];
            _start += length + 2;
            if (_part == Part.Trailers && length == 0)
            {
                return true;
            }

            _part = _part switch
            {
                Part.ChunkSize => BeginChunk(Encoding.Latin1.GetString(line)),
                Part.ChunkEnd => length == 0 ? Part.ChunkSize : throw new IOException("the answer's chunks make no sense"),
                _ => _part, // a trailer
            };
        }
    }

    private Part BeginChunk(string line)
    {
        string size = line.Split(';')[0].Trim();
        if (!int.TryParse(size, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _chunk) || _chunk < 0 || _chunk > MostOfBody - _filled)
        {
            throw new IOException("the answer's chunks make no sense");
        }

        if (_filled + _chunk > _body.Length)
        {
            Array.Resize(ref _body, (int)Math.Min(MostOfBody, Math.Max(_filled + _chunk, 2L * _body.Length)));
        }

        return _chunk > 0 ? Part.Chunk : Part.Trailers;
    }
}
