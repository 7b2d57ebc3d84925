using System.Net;
using Pocketgres.Server;

namespace Pocketgres.Cli.Tests;

public class ConnectionAddressTests
{
    [Theory]
    [InlineData("127.0.0.1", "postgres", "postgres://postgres@127.0.0.1:5433/postgres")]
    [InlineData("0.0.0.0", "postgres", "postgres://postgres@127.0.0.1:5433/postgres")]
    [InlineData("::", "postgres", "postgres://postgres@[::1]:5433/postgres")]
    [InlineData("192.0.2.7", "my shop/ü?", "postgres://postgres@192.0.2.7:5433/my%20shop%2F%C3%BC%3F")]
    public void Url_over_tcp(string listen, string database, string expected) =>
        Assert.Equal(expected, ConnectionAddress.Url(IPAddress.Parse(listen), "/run", 5433, database));

    [Fact]
    public void Url_over_a_unix_socket_is_of_libpqs_form() =>
        Assert.Equal("postgres://postgres@/shop?host=%2Frun%2Fpg%20x&port=5433", ConnectionAddress.Url(null, "/run/pg x", 5433, "shop"));

    [Fact]
    public void Identifiers_are_quoted() => Assert.Equal("\"a\"\"; drop database b; --\"", DatabaseCreator.Quote("a\"; drop database b; --"));
}
