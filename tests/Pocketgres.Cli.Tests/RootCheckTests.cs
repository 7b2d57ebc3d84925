using System.Net;
using Pocketgres.Cli.Serve;
using Pocketgres.Server;

namespace Pocketgres.Cli.Tests;

public class RootCheckTests
{
    [Theory]
    [InlineData("", "", "0::/init.scope\n", false)]
    [InlineData("/.dockerenv", "", "", true)]
    [InlineData("/run/.containerenv", "", "", true)]
    [InlineData("", "container", "", true)]
    [InlineData("", "KUBERNETES_SERVICE_HOST", "", true)]
    [InlineData("", "DOTNET_RUNNING_IN_CONTAINER", "", true)]
    [InlineData("", "", "12:memory:/docker/0a1b2c\n0::/docker/0a1b2c\n", true)]
    [InlineData("", "", "0::/kubepods.slice/kubepods-burstable.slice\n", true)]
    public void A_container_is_known_by_what_engines_leave_in_it(string file, string variable, string groups, bool expected) =>
        Assert.Equal(expected, RootCheck.IsContainer(f => f == file, v => v == variable ? "x" : null, groups));

    [Theory]
    [InlineData("         0          0 4294967295\n", true)]
    [InlineData("         0       1000          1\n", false)]
    [InlineData("         0     100000      65536\n", false)]
    [InlineData("", true)]
    public void Root_of_a_user_namespace_is_not_the_machines(string map, bool expected) => Assert.Equal(expected, RootCheck.IsInitialNamespace(map));

    [Theory]
    [InlineData("local all all trust\nhost all all 127.0.0.1/32 trust\n", "every user of this machine over TCP (127.0.0.1) and whoever may open the Unix socket in /run (unix_socket_permissions, root alone by default)")]
    [InlineData("local all all peer # no trust\nhost all all 127.0.0.1/32 trust\n", "every user of this machine over TCP (127.0.0.1)")]
    [InlineData("#local all all trust\nhost all all all scram-sha-256\n", null)]
    public void The_warning_names_who_gets_in(string authentication, string? expected)
    {
        var server = new ServerOptions { Url = PostgresUrl.Parse("memory:"), ListenAddress = IPAddress.Loopback, UnixSocketDirectory = "/run" };
        Assert.Equal(expected, RootCheck.WhoGetsIn(authentication, new ServeSettings { Server = server }));
    }
}
