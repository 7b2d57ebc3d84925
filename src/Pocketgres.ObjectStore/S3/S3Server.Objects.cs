using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace Pocketgres.ObjectStore.S3;

/// <content>Reading, writing and removing objects.</content>
internal sealed partial class S3Server
{
    private readonly KnownObjects _known = new();

    private async Task<(HttpStatusCode, string?)> GetAsync(HttpListenerRequest request, HttpListenerResponse response, string path)
    {
        RangeItemHeaderValue? range = null;
        if (request.Headers["Range"] is { } text)
        {
            if (!RangeHeaderValue.TryParse(text, out var parsed) || parsed.Ranges is not { Count: 1 } ranges)
            {
                return (HttpStatusCode.BadRequest, "InvalidRange");
            }

            range = ranges.First();
        }

        var found = range is null ? null : await GetPartAsync(path, range).ConfigureAwait(false);
        if (found is null)
        {
            if (await AskAsync(() => _store.GetAsync(path)).ConfigureAwait(false) is not { Content: var content })
            {
                return (HttpStatusCode.NotFound, "NoSuchKey");
            }

            long start = 0, end = content.Length - 1;
            if (range is not null && !IsWithin(range, content.Length, out start, out end))
            {
                return (HttpStatusCode.RequestedRangeNotSatisfiable, "InvalidRange");
            }

            found = new Part(_known.Note(path, SignatureV4.Hash(content), content.Length), start, content.Length, content.AsMemory((int)start..(int)(end + 1)));
        }

        response.Headers["ETag"] = found.Tag;
        if (range is not null)
        {
            response.Headers["Content-Range"] = string.Create(
                CultureInfo.InvariantCulture, $"bytes {found.Start}-{found.Start + found.Content.Length - 1}/{found.WholeLength}");
        }

        var status = range is null ? HttpStatusCode.OK : HttpStatusCode.PartialContent;
        response.StatusCode = (int)status;
        response.ContentType = "application/octet-stream";
        response.ContentLength64 = found.Content.Length;
        if (request.HttpMethod == "GET")
        {
            await response.OutputStream.WriteAsync(found.Content).ConfigureAwait(false);
        }

        return (status, null);
    }

    // A part of an object that is known, without reading the rest. Null when it is not known, or not as it is now.
    private async Task<Part?> GetPartAsync(string path, RangeItemHeaderValue range)
    {
        if (_known.Find(path) is not { } known || !IsWithin(range, known.Length, out long start, out long end))
        {
            return null;
        }

        var found = await AskAsync(() => _store.GetAsync(path, new ByteRange(start, end + 1 - start))).ConfigureAwait(false);
        return found?.Content.Length == end + 1 - start ? new Part(known.Tag, start, known.Length, found.Content) : null;
    }

    private static bool IsWithin(RangeItemHeaderValue range, long length, out long start, out long end)
    {
        start = range.From ?? Math.Max(0, length - (range.To ?? 0));
        end = range.From is null ? length - 1 : Math.Min(range.To ?? long.MaxValue, length - 1);
        return start < length;
    }

    private async Task<(HttpStatusCode, string?)> PutAsync(HttpListenerRequest request, HttpListenerResponse response, string path)
    {
        if (request.ContentLength64 is < 0 or > LongestBody)
        {
            return (HttpStatusCode.LengthRequired, "MissingContentLength");
        }

        if (request.QueryString.Count > 0 || request.Headers["x-amz-copy-source"] is not null)
        {
            return (HttpStatusCode.NotImplemented, "NotImplemented"); // parts of uploads, ACLs, copies
        }

        var body = new byte[request.ContentLength64];
        await request.InputStream.ReadExactlyAsync(body).ConfigureAwait(false);
        string said = request.Headers["x-amz-content-sha256"] ?? "UNSIGNED-PAYLOAD";
        ReadOnlyMemory<byte> content = body;
        if (said.StartsWith("STREAMING-", StringComparison.Ordinal))
        {
            if (Unchunk(body) is not { } whole)
            {
                return (HttpStatusCode.BadRequest, "IncompleteBody");
            }

            content = whole;
        }

        string hash = SignatureV4.Hash(content.Span);
        if (said != "UNSIGNED-PAYLOAD" && !said.StartsWith("STREAMING-", StringComparison.Ordinal) && said != hash)
        {
            return (HttpStatusCode.BadRequest, "XAmzContentSHA256Mismatch");
        }

        if (request.Headers["If-Match"] is not null || request.Headers["If-None-Match"] is { } tag && tag != "*")
        {
            return (HttpStatusCode.NotImplemented, "NotImplemented");
        }

        if (request.Headers["If-None-Match"] is null)
        {
            _known.Forget(path);
            await AskAsync(async () =>
            {
                await _store.PutAsync(path, content).ConfigureAwait(false);
                return true;
            }).ConfigureAwait(false);
        }
        else if (!await AskAsync(() => _store.CreateAsync(path, content)).ConfigureAwait(false))
        {
            return (HttpStatusCode.PreconditionFailed, "PreconditionFailed");
        }

        response.Headers["ETag"] = _known.Note(path, hash, content.Length);
        return (HttpStatusCode.OK, null);
    }

    private async Task<(HttpStatusCode, string?)> DeleteAsync(string path)
    {
        _known.Forget(path);
        await AskAsync(async () =>
        {
            await _store.DeleteAsync(path).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
        return (HttpStatusCode.NoContent, null);
    }

    // Content-Encoding aws-chunked: hexadecimal length[;chunk-signature=...] CRLF bytes CRLF ... 0 CRLF trailers. Null when it is not that.
    private static byte[]? Unchunk(ReadOnlySpan<byte> body)
    {
        var whole = new MemoryStream(body.Length);
        while (true)
        {
            int line = body.IndexOf("\r\n"u8);
            if (line < 0)
            {
                return null;
            }

            var header = body[..line];
            int end = header.IndexOf((byte)';');
            if (!int.TryParse(end < 0 ? header : header[..end], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int length) || length < 0)
            {
                return null;
            }

            if (length == 0)
            {
                return whole.ToArray();
            }

            if (body.Length < line + 2 + length + 2)
            {
                return null;
            }

            whole.Write(body.Slice(line + 2, length));
            body = body[(line + 2 + length + 2)..];
        }
    }

    private sealed record Part(string Tag, long Start, long WholeLength, ReadOnlyMemory<byte> Content);
}
