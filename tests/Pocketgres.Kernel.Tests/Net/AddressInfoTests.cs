using System.Net;
using Pocketgres.Kernel.Syscalls;
using Pocketgres.Kernel.Tests.Support;

namespace Pocketgres.Kernel.Tests.Net;

/// <summary>getaddrinfo(3) and getnameinfo(3): results and their layout for musl on wasm32.</summary>
public sealed unsafe class AddressInfoTests
{
    private const int Node = TestProgram.Scratch, Service = Node + 1024, Hint = Node + 2048, Result = Node + 2100, Address = Node + 2200;

    [Theory]
    [InlineData("127.0.0.1", "5432", 0, 0, "127.0.0.1", 5432)]
    [InlineData("10.1.2.3", null, 2, 0, "10.1.2.3", 0)]
    [InlineData("::1", "65535", 0, 0, "::1", 65535)]
    [InlineData("2001:db8::7", "1", 10, 0, "2001:db8::7", 1)]
    [InlineData("fe80::1%3", "1", 10, 0, "fe80::1%3", 1)]
    [InlineData("localhost", "80", 0, 0, "127.0.0.1", 80)]
    [InlineData("localhost", "80", 10, 0, "::1", 80)]
    [InlineData(null, "80", 2, 1, "0.0.0.0", 80)] // AI_PASSIVE
    [InlineData(null, "80", 10, 1, "::", 80)]
    [InlineData(null, "80", 0, 0, "127.0.0.1", 80)]
    [InlineData(null, "80", 10, 0, "::1", 80)]
    public void Numeric_addresses_are_resolved(string? node, string? service, int family, int flags, string expected, int port)
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            byte* m = p.Memory;
            Assert.Equal(0, Resolve(p, node, service, family, flags, socketType: 1));
            var ip = IPAddress.Parse(expected);
            bool v6 = ip.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
            int* info = (int*)(m + *(int*)(m + Result));
            Assert.Equal([0, v6 ? 10 : 2, 1, 6, v6 ? 28 : 16], new Span<int>(info, 5).ToArray());
            byte* a = m + info[5];
            Assert.Equal((0, 0), (info[6], info[7]));
            Assert.Equal(v6 ? 10 : 2, *(ushort*)a);
            Assert.Equal(port, (a[2] << 8) | a[3]);
            Assert.Equal(ip.GetAddressBytes(), new Span<byte>(a + (v6 ? 8 : 4), v6 ? 16 : 4).ToArray());
            Assert.Equal(v6 ? (uint)ip.ScopeId : 0, v6 ? *(uint*)(a + 24) : *(uint*)(a + 8));
        });
    }

    [Theory]
    [InlineData("::1", "80", 2, -2)]
    [InlineData("127.0.0.1", "80", 10, -2)]
    [InlineData("127.0.0.1", "65536", 0, -8)]
    [InlineData("127.0.0.1", "-1", 0, -8)]
    [InlineData("127.0.0.1", " 80", 0, -8)]
    [InlineData("127.0.0.1", "http", 0, -8)]
    public void What_cannot_be_resolved_is_refused(string node, string service, int family, int error)
    {
        using var kernel = new TestKernel();
        kernel.Run(p => Assert.Equal(error, Resolve(p, node, service, family, 0, 1)));
    }

    [Fact]
    public void Other_names_are_the_hosts_resolvers()
    {
        using var kernel = new TestKernel();
        kernel.Run(p => Assert.Contains(Resolve(p, "no.such.name.invalid", "80", 0, 0, 1), (int[])[-2, -3])); // EAI_NONAME; EAI_AGAIN where there is no name server
    }

    [Fact]
    public void Hints_are_optional()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            var calls = new Calls(p);
            Assert.Equal(0, NameCalls.GetAddressInfo(p.Memory, calls.Text("127.0.0.1", Node), 0, 0, Result));
            int* info = (int*)(p.Memory + *(int*)(p.Memory + Result));
            Assert.Equal((2, 1), (info[1], info[2]));
        });
    }

    [Fact]
    public void Names_are_numeric()
    {
        using var kernel = new TestKernel();
        kernel.Run(p =>
        {
            byte* m = p.Memory;
            byte* a = m + Address;
            byte[] v4 = [2, 0, 0x15, 0x38, 10, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0];
            v4.CopyTo(new Span<byte>(a, 16));
            Assert.Equal(("10.1.2.3", "5432", 0), Name(p, 16));
            Assert.Equal(-6, Name(p, 15).Error); // EAI_FAMILY: too short for its family
            Assert.Equal(-6, Name(p, 1).Error);
            Assert.Equal(-12, Name(p, 16, hostSize: 8).Error); // EAI_OVERFLOW: the NUL does not fit
            Assert.Equal(0, Name(p, 16, hostSize: 9).Error);
            Assert.Equal(-12, Name(p, 16, serviceSize: 4).Error);
            Assert.Equal(0, NameCalls.GetNameInfo(m, Address, 16, 0, 0, Service, 32, 3)); // a host name is not wanted

            byte[] v6 = [10, 0, 0, 80, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
            v6.CopyTo(new Span<byte>(a, 28));
            Assert.Equal(("2001:db8::1", "80", 0), Name(p, 28));
            Assert.Equal(-6, Name(p, 16).Error);

            byte[] unix = [1, 0, .. "/tmp/x\0"u8];
            unix.CopyTo(new Span<byte>(a, unix.Length));
            Assert.Equal(("localhost", "/tmp/x", 0), Name(p, unix.Length));
            Assert.Equal(("localhost", "", 0), Name(p, 2)); // an unnamed peer, with old bytes behind
            a[0] = 77;
            Assert.Equal(-6, Name(p, 16).Error);
        });
    }

    private static int Resolve(Process p, string? node, string? service, int family, int flags, int socketType)
    {
        var calls = new Calls(p);
        int* hint = (int*)(p.Memory + Hint);
        new Span<int>(hint, 8).Clear();
        (hint[0], hint[1], hint[2]) = (flags, family, socketType);
        return NameCalls.GetAddressInfo(p.Memory, node == null ? 0 : calls.Text(node, Node), service == null ? 0 : calls.Text(service, Service), Hint, Result);
    }

    private static (string Host, string Service, int Error) Name(Process p, int length, int hostSize = 64, int serviceSize = 64)
    {
        byte* m = p.Memory;
        m[Node] = m[Service] = 0;
        int error = NameCalls.GetNameInfo(m, Address, length, Node, hostSize, Service, serviceSize, 3);
        return (CString.Read(m, Node), CString.Read(m, Service), error);
    }
}
