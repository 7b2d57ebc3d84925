using System.Text;
using Pocketgres.ObjectStore.Transport;

namespace Pocketgres.Bucket.Tests.Stores.Transport;

/// <summary>Answers as servers send them, in portions of any size.</summary>
public class HttpAnswerTests
{
    const string Ok = "HTTP/1.1 200 OK\r\n";

    public static TheoryData<string, int, string, bool> Answers => new()
    {
        { Ok + "Content-Length: 5\r\nETag: \"1\"\r\n\r\nhello", 200, "hello", true },
        { Ok + "content-length:0\r\n\r\n", 200, "", true },
        { "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true },
        { "HTTP/1.1 304\r\n\r\n", 304, "", true },
        { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nX: y\r\n\r\n" + Ok + "Content-Length: 2\r\n\r\nok", 200, "ok", true },
        { Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;name=value\r\n world\r\n0\r\n\r\n", 200, "hello world", true },
        { Ok + "transfer-encoding: Chunked\r\nContent-Length: 3\r\n\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\nOther: 2\r\n\r\n", 200, "0123456789", true },
        { "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno", 403, "no", false },
        { "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false },
        { Ok + "Content-Length: 2\r\n\r\nokHTTP/1.1 200", 200, "ok", false }, // more than was asked for
    };

    [Theory, MemberData(nameof(Answers))]
    public void An_answer_is_read_from_portions_of_any_size(string wire, int status, string body, bool isPersistent)
    {
        bool hasMore = wire.EndsWith("okHTTP/1.1 200", StringComparison.Ordinal);
        for (int portion = hasMore ? wire.Length : 1; portion <= wire.Length; portion++)
        {
            var answer = Read(wire, portion);
            Assert.Equal((status, body, isPersistent), (answer.Response!.Status, Encoding.Latin1.GetString(answer.Response.Body), answer.IsPersistent));
        }
    }

    [Fact]
    public void Headers_are_found_in_any_case_and_values_are_trimmed()
    {
        var response = Read(Ok + "Content-Length: 0\r\neTag: \t\"a:b\" \r\nX-Empty:\r\n\r\n", 7).Response!;
        Assert.Equal("\"a:b\"", response.Header("ETag"));
        Assert.Equal("", response.Header("x-empty"));
        Assert.Null(response.Header("none"));
    }

    [Fact]
    public void A_body_without_a_length_ends_with_the_connection()
    {
        var answer = new HttpAnswer();
        Assert.False(Give(answer, Ok + "\r\nall of"));
        Assert.False(Give(answer, " it"));
        Assert.True(answer.Take(0));
        Assert.Equal(("all of it", false), (Encoding.Latin1.GetString(answer.Response!.Body), answer.IsPersistent));
    }

    [Fact]
    public void A_large_body_is_read()
    {
        string body = new('x', 3_000_000);
        Assert.Equal(body, Encoding.Latin1.GetString(Read($"{Ok}Content-Length: {body.Length}\r\n\r\n{body}", 70_000).Response!.Body));
        string chunks = string.Concat(Enumerable.Range(0, 30).Select(i => $"{100_000:x}\r\n{body[..100_000]}\r\n")) + "0\r\n\r\n";
        Assert.Equal(body, Encoding.Latin1.GetString(Read($"{Ok}Transfer-Encoding: chunked\r\n\r\n{chunks}", 70_000).Response!.Body));
    }

    [Theory]
    [InlineData("", "closed before an answer")]
    [InlineData(Ok + "Content-", "ended in the middle")]
    [InlineData(Ok + "Content-Length: 5\r\n\r\nhell", "ended in the middle")]
    [InlineData(Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "ended in the middle")]
    [InlineData(Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "ended in the middle")]
    [InlineData("SSH-2.0-OpenSSH_9.9\r\n\r\n", "not one of HTTP/1.1")]
    [InlineData("HTTP/2 200\r\n\r\n", "not one of HTTP/1.1")]
    [InlineData("HTTP/1.1 OK\r\n\r\n", "not one of HTTP/1.1")]
    [InlineData(Ok + "Content-Length: -1\r\n\r\n", "says that it has -1 bytes")]
    [InlineData(Ok + "Content-Length: 5, 5\r\n\r\nhello", "says that it has 5, 5 bytes")]
    [InlineData(Ok + "Content-Length: 99999999999999999999\r\n\r\n", "says that it has 9999")]
    [InlineData(Ok + "Content-Length: 2000000000\r\n\r\n", "says that it has 2000000000")]
    [InlineData(Ok + "Transfer-Encoding: gzip\r\n\r\n", "unknown transfer coding, gzip")]
    [InlineData(Ok + "Transfer-Encoding: chunked\r\n\r\nfive\r\nhello\r\n0\r\n\r\n", "chunks make no sense")]
    [InlineData(Ok + "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n", "chunks make no sense")]
    [InlineData(Ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n", "chunks make no sense")]
    [InlineData(Ok + "Transfer-Encoding: chunked\r\n\r\n7fffffff\r\n", "chunks make no sense")]
    public void What_is_no_answer_is_refused(string wire, string message)
    {
        foreach (int portion in (int[])[1, 3, Math.Max(1, wire.Length)])
        {
            var e = Assert.Throws<IOException>(() => Read(wire, portion));
            Assert.Contains(message, e.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Headers_and_chunks_that_do_not_end_are_refused()
    {
        Assert.Contains("headers do not end", Assert.Throws<IOException>(() => Read(Ok + new string('x', 100_000), 1000)).Message, StringComparison.Ordinal);
        Assert.Contains("make no sense",
            Assert.Throws<IOException>(() => Read($"{Ok}Transfer-Encoding: chunked\r\n\r\n{new string('0', 100_000)}", 1000)).Message, StringComparison.Ordinal);
    }

    // Everything, in portions, and then the end of the connection unless the answer is whole before.
    static HttpAnswer Read(string wire, int portion)
    {
        var answer = new HttpAnswer();
        for (int at = 0; at < wire.Length; at += portion)
        {
            if (Give(answer, wire[at..Math.Min(wire.Length, at + portion)]))
            {
                Assert.True(at + portion >= wire.Length, "it was said to be whole too early");
                return answer;
            }
        }

        Assert.False(answer.Take(0));
        return answer;
    }

    static bool Give(HttpAnswer answer, string text)
    {
        for (byte[] bytes = Encoding.Latin1.GetBytes(text); ;)
        {
            int n = Math.Min(bytes.Length, answer.Room.Length);
            Assert.True(n > 0);
            bytes.AsSpan(0, n).CopyTo(answer.Room.Span);
            bytes = bytes[n..];
            if (answer.Take(n))
            {
                Assert.Empty(bytes);
                return true;
            }

            if (bytes.Length == 0)
            {
                return false;
            }
        }
    }
}
