using System.Net;
using Pocketgres.ObjectStore.Transport;

namespace Pocketgres.Bucket.Tests.Stores.Transport;

public class HttpOriginTests
{
    [Theory]
    [InlineData("http://127.0.0.1:9000", false, "127.0.0.1", 9000, "127.0.0.1:9000")]
    [InlineData("http://127.0.0.1:9000/", false, "127.0.0.1", 9000, "127.0.0.1:9000")]
    [InlineData("https://s3.example.com", true, "s3.example.com", 443, "s3.example.com")]
    [InlineData("HTTPS://minio_1.local:443", true, "minio_1.local", 443, "minio_1.local")]
    [InlineData("http://store:443", false, "store", 443, "store:443")]
    [InlineData("http://[::1]:80/", false, "::1", 80, "[::1]")]
    [InlineData("https://[2001:db8::2]:8443", true, "2001:db8::2", 8443, "[2001:db8::2]:8443")]
    public void An_origin_is_read(string text, bool isEncrypted, string host, int port, string authority)
    {
        var origin = HttpOrigin.Parse(text);
        Assert.Equal((isEncrypted, host, port, authority), (origin.IsEncrypted, origin.Host, origin.Port, origin.Authority));
        Assert.Equal((isEncrypted ? "https://" : "http://") + authority, origin.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("127.0.0.1:9000")]
    [InlineData("ftp://store")]
    [InlineData("http://")]
    [InlineData("http:///")]
    [InlineData("http://:80")]
    [InlineData("http://store:")]
    [InlineData("http://store:0")]
    [InlineData("http://store:65536")]
    [InlineData("http://store:80x")]
    [InlineData("http://store:-1")]
    [InlineData("http://store/path")]
    [InlineData("http://store?x=1")]
    [InlineData("http://user@store")]
    [InlineData("http://two words")]
    [InlineData("http://store\r\nx: y")]
    [InlineData("http://[::1")]
    [InlineData("http://[::1]x")]
    [InlineData("http://[store]")]
    [InlineData("http://[127.0.0.1]")]
    [InlineData("http://::1")]
    public void What_is_none_is_refused(string text)
    {
        Assert.False(HttpOrigin.TryParse(text, out _));
        Assert.Throws<FormatException>(() => HttpOrigin.Parse(text));
    }

    [Fact]
    public void An_address_is_told_from_a_name()
    {
        Assert.Equal(IPAddress.Loopback, HttpOrigin.Parse("http://127.0.0.1").Address);
        Assert.Equal(IPAddress.IPv6Loopback, HttpOrigin.Parse("http://[::1]").Address);
        Assert.Null(HttpOrigin.Parse("http://localhost").Address);
        Assert.Null(HttpOrigin.Parse("http://store-1").Address);
    }
}
