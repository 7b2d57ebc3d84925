using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Port.Libpq;

/// <summary>
/// libpq's functions for addresses (common/ip.c, port/inet_net_ntop.c). Names are looked up by the host, without the global lock; as in a
/// stock server nothing cancels a look-up.
/// </summary>
public static unsafe class FrontendAddresses
{
    private const int FamilyUnix = 1, FamilyInet = 2, FamilyInet6 = 10, NumericHost = 4; // AI_NUMERICHOST
    private const int NoName = -2, TryAgain = -3, Fail = -4, BadService = -8, OutOfMemory = -10, Overflow = -12; // EAI_*
    private const int UnixPathSize = 108;

    // struct addrinfo (musl, wasm32): flags, family, socktype, protocol, addrlen, addr, canonname, next. The address follows in the same block.
    private const int Family = 4, SocketType = 8, Protocol = 12, Length = 16, Address = 20, Next = 28, InfoSize = 32;

    /// <summary><c>int pg_getaddrinfo_all(const char *host, const char *service, const struct addrinfo *hint, struct addrinfo **result)</c>.</summary>
    [HostFunction("pg_getaddrinfo_all")]
    public static int GetAddressInfo(byte* m, int host, int service, int hint, int result)
    {
        byte* wanted = m + (uint)hint;
        int* head = (int*)(m + (uint)result);
        *head = 0;
        string port = service == 0 ? "" : CString.Read(m, service);
        int family = *(int*)(wanted + Family), type = *(int*)(wanted + SocketType);
        if (family == FamilyUnix)
        {
            return AddUnix(m, port, type, head);
        }

        if (!ushort.TryParse(port, NumberStyles.None, CultureInfo.InvariantCulture, out ushort number))
        {
            return BadService;
        }

        int error = Resolve(m, host == 0 ? "" : CString.Read(m, host), (*(int*)wanted & NumericHost) != 0, out var addresses);
        if (error != 0)
        {
            return error;
        }

        int last = 0;
        foreach (var address in addresses)
        {
            bool v6 = address.AddressFamily == AddressFamily.InterNetworkV6;
            if (family != 0 && family != (v6 ? FamilyInet6 : FamilyInet))
            {
                continue;
            }

            int info = Add(m, v6 ? FamilyInet6 : FamilyInet, type, v6 ? 28 : 16);
            if (info == 0)
            {
                FreeAddressInfo(m, family, *head);
                *head = 0;
                return OutOfMemory;
            }

            byte* a = m + (uint)info + InfoSize;
            BinaryPrimitives.WriteUInt16BigEndian(new Span<byte>(a + 2, 2), number);
            address.TryWriteBytes(new Span<byte>(a + (v6 ? 8 : 4), v6 ? 16 : 4), out _);
            if (v6)
            {
                *(uint*)(a + 24) = (uint)address.ScopeId;
            }

            *(last == 0 ? head : (int*)(m + (uint)last + Next)) = info;
            last = info;
        }

        return last == 0 ? NoName : 0;
    }

    /// <summary><c>void pg_freeaddrinfo_all(int hint_ai_family, struct addrinfo *ai)</c>.</summary>
    [HostFunction("pg_freeaddrinfo_all")]
    public static void FreeAddressInfo(byte* m, int family, int info)
    {
        while (info != 0)
        {
            int next = *(int*)(m + (uint)info + Next);
            GuestHeap.Free(m, info);
            info = next;
        }
    }

    /// <summary><c>int pg_getnameinfo_all(const struct sockaddr_storage *, int salen, char *node, int, char *service, int, int flags)</c>: numeric.</summary>
    [HostFunction("pg_getnameinfo_all")]
    public static int GetNameInfo(byte* m, int address, int length, int node, int nodeSize, int service, int serviceSize, int flags)
    {
        if (length >= 2 && *(ushort*)(m + (uint)address) == FamilyUnix)
        {
            string path = length > 2 ? CString.Read(m, address + 2) : "";
            return Write(node, nodeSize, "[local]") && Write(service, serviceSize, path) ? 0 : Overflow;
        }

        return Kernel.Syscalls.Sockets.GetNameInfo(m, address, length, node, nodeSize, service, serviceSize, flags);

        bool Write(int target, int size, string value) => target == 0 || CString.TryWrite(m, target, size, value);
    }

    /// <summary><c>char *pg_inet_net_ntop(int af, const void *src, int bits, char *dst, size_t size)</c> for whole addresses, without a mask.</summary>
    [HostFunction("pg_inet_net_ntop")]
    public static int FormatAddress(byte* m, int family, int source, int bits, int target, int size)
    {
        int bytes = family == FamilyInet ? 4 : 16;
        if (bits != bytes * 8)
        {
            _ = LibcError.Result(m, Errno.EINVAL);
            return 0;
        }

        string text = new IPAddress(new ReadOnlySpan<byte>(m + (uint)source, bytes)).ToString();
        if (!CString.TryWrite(m, target, size, text))
        {
            _ = LibcError.Result(m, Errno.EMSGSIZE);
            return 0;
        }

        return target;
    }

    private static int Resolve(byte* m, string host, bool numericOnly, out IPAddress[] addresses)
    {
        addresses = [];
        if (host.Length == 0)
        {
            addresses = [IPAddress.Loopback, IPAddress.IPv6Loopback];
            return 0;
        }

        if (IPAddress.TryParse(host, out var address))
        {
            addresses = [address];
            return 0;
        }

        if (numericOnly)
        {
            return NoName;
        }

        // The host's resolver may take seconds: others run meanwhile.
        (addresses, var error) = Process.From(m).RunBlocking(() =>
        {
            try
            {
                return (Dns.GetHostAddresses(host), (SocketError?)null);
            }
            catch (SocketException e)
            {
                return ([], e.SocketErrorCode);
            }
            catch (ArgumentException)
            {
                return ([], SocketError.HostNotFound); // not a name at all
            }
        });
        return error switch
        {
            null => 0,
            SocketError.HostNotFound or SocketError.NoData => NoName,
            SocketError.TryAgain => TryAgain,
            _ => Fail,
        };
    }

    // getaddrinfo_unix: a leading @ means Linux' abstract name space.
    private static int AddUnix(byte* m, string path, int type, int* head)
    {
        int bytes = System.Text.Encoding.UTF8.GetByteCount(path);
        if (bytes >= UnixPathSize)
        {
            return Fail;
        }

        bool isAbstract = path.StartsWith('@');
        int info = Add(m, FamilyUnix, type, 2 + (isAbstract ? bytes : UnixPathSize));
        if (info == 0)
        {
            return OutOfMemory;
        }

        CString.TryWrite(m, info + InfoSize + 2, UnixPathSize, path);
        if (isAbstract)
        {
            m[(uint)info + InfoSize + 2] = 0;
        }

        *head = info;
        return 0;
    }

    // An entry with room for any address after it, zeroed; 0 when the heap is full.
    private static int Add(byte* m, int family, int type, int length)
    {
        int info = GuestHeap.Allocate(m, InfoSize + 2 + UnixPathSize);
        if (info != 0)
        {
            byte* i = m + (uint)info;
            new Span<byte>(i, InfoSize + 2 + UnixPathSize).Clear();
            *(int*)(i + Family) = family;
            *(int*)(i + SocketType) = type == 0 ? 1 : type;
            *(int*)(i + Protocol) = family == FamilyUnix ? 0 : 6;
            *(int*)(i + Length) = length;
            *(int*)(i + Address) = info + InfoSize;
            *(ushort*)(i + InfoSize) = (ushort)family;
        }

        return info;
    }
}
