using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using Pocketgres.Kernel.Native;

namespace Pocketgres.Kernel.Syscalls;

/// <summary>Names and addresses of hosts.</summary>
public static unsafe class NameCalls
{
    private const int Inet = 2, Inet6 = 10, Unix = 1;
    private const int NoName = -2, OutOfMemory = -10; // EAI_NONAME, EAI_MEMORY

    /// <summary>getaddrinfo(3): numeric addresses and localhost are known here, names the host looks up.</summary>
    [HostFunction("getaddrinfo", Locking = KernelLocking.None)]
    public static int GetAddressInfo(byte* m, int node, int service, int hint, int result)
    {
        var process = Process.From(m);
        if (process.Kernel.Options.HostServices)
        {
            return LookUp(process, node, service, hint, result);
        }

        int family = hint == 0 ? 0 : *(int*)(m + (uint)hint + 4);
        bool passive = hint != 0 && (*(int*)(m + (uint)hint) & 1) != 0;
        byte* bytes = stackalloc byte[16];
        uint scope = 0;
        bool v6 = family == Inet6;
        if (node == 0 || CString.Read(m, node) == "localhost")
        {
            new Span<byte>(bytes, 16).Clear();
            if (node != 0 || !passive)
            {
                (bytes[0], bytes[3], bytes[15]) = v6 ? ((byte)0, (byte)0, (byte)1) : ((byte)127, (byte)1, (byte)0); // ::1, 127.0.0.1
            }
        }
        else if (!TryReadAddress(m + (uint)node, CString.Read(m, node), bytes, out v6, out scope))
        {
            return LookUp(process, node, service, hint, result);
        }

        if ((family == Inet && v6) || (family == Inet6 && !v6))
        {
            return NoName;
        }

        int port = 0;
        if (service != 0 && (!int.TryParse(CString.Read(m, service), NumberStyles.None, CultureInfo.InvariantCulture, out port) || port > 65535))
        {
            return -8; // EAI_SERVICE
        }

        byte* address = stackalloc byte[28];
        new Span<byte>(address, 28).Clear();
        *(ushort*)address = (ushort)(v6 ? Inet6 : Inet);
        BinaryPrimitives.WriteUInt16BigEndian(new Span<byte>(address + 2, 2), (ushort)port);
        Buffer.MemoryCopy(bytes, address + (v6 ? 8 : 4), 16, v6 ? 16 : 4);
        if (v6)
        {
            *(uint*)(address + 24) = scope;
        }

        int type = hint == 0 || *(int*)(m + (uint)hint + 8) == 0 ? 1 : *(int*)(m + (uint)hint + 8);
        int info = NewInfo(process, v6 ? Inet6 : Inet, type, 6, address, v6 ? 28 : 16);
        if (info == 0)
        {
            return OutOfMemory;
        }

        process.Program.DataModel.WritePointer(m, result, info);
        return 0;
    }

    // By the host's own getaddrinfo, which may take as long as its name servers.
    private static int LookUp(Process process, int node, int service, int hint, int result)
    {
        byte* m = process.Memory;
        string? name = node == 0 ? null : CString.Read(m, node), port = service == 0 ? null : CString.Read(m, service);
        var hints = hint == 0 ? default : *(HostResolver.AddressInfo*)(m + (uint)hint);
        hints = new HostResolver.AddressInfo { Flags = hints.Flags, Family = hints.Family, Type = hints.Type, Protocol = hints.Protocol };
        using var found = process.RunBlocking(() => HostResolver.LookUp(name, port, hints));
        if (found.Error != 0)
        {
            return found.Error;
        }

        int first = 0, last = 0;
        for (var at = found.First; at != null; at = at->Next)
        {
            int info = NewInfo(process, at->Family, at->Type, at->Protocol, at->Address, at->AddressLength);
            if (info == 0)
            {
                return OutOfMemory;
            }

            if (first == 0)
            {
                first = info;
            }
            else
            {
                process.Program.DataModel.WritePointer(m, last + process.Program.DataModel.AddressInfo.Next, info);
            }

            last = info;
        }

        process.Program.DataModel.WritePointer(m, result, first);
        return 0;
    }

    // Two blocks, because emscripten's freeaddrinfo frees the address and the struct separately. Of several results it frees the first.
    private static int NewInfo(Process process, int family, int type, int protocol, byte* address, int length)
    {
        byte* m = process.Memory;
        var model = process.Program.DataModel;
        int copy = process.Allocate(length);
        int info = copy == 0 ? 0 : process.Allocate(model.AddressInfo.Length);
        if (info == 0)
        {
            return 0;
        }

        Buffer.MemoryCopy(address, m + (uint)copy, length, length);
        byte* i = m + (uint)info;
        new Span<byte>(i, model.AddressInfo.Length).Clear();
        *(int*)(i + 4) = family;
        *(int*)(i + 8) = type;
        *(int*)(i + 12) = protocol;
        *(int*)(i + 16) = length;
        model.WritePointer(m, info + model.AddressInfo.Address, copy);
        return info;
    }

    /// <summary>getnameinfo(3), numeric. EAI_FAMILY is -6, EAI_OVERFLOW -12.</summary>
    [HostFunction("getnameinfo", Locking = KernelLocking.None)]
    public static int GetNameInfo(byte* m, int address, int length, int host, int hostSize, int service, int serviceSize, int flags)
    {
        byte* a = m + (uint)address;
        switch (length < 2 ? 0 : *(ushort*)a)
        {
            case Unix:
                // PostgreSQL asks for the name of a Unix peer too and expects "[local]"-like handling: glibc answers the host's name.
                // Such a peer has no path as a rule: its address ends after the family, whatever the buffer holds behind it.
                string path = length > 2 ? CString.Read(m, address + 2) : "";
                return WriteName(m, host, hostSize, "localhost") && WriteName(m, service, serviceSize, path) ? 0 : -12;
            case Inet when length >= 16:
            case Inet6 when length >= 28:
                int port = BinaryPrimitives.ReadUInt16BigEndian(new ReadOnlySpan<byte>(a + 2, 2));
                return WriteName(m, host, hostSize, AddressText(a))
                    && WriteName(m, service, serviceSize, port.ToString(CultureInfo.InvariantCulture)) ? 0 : -12;
            default:
                return -6;
        }
    }

    // IPAddress.ToString is compiled at its first use.
    private static string AddressText(byte* a) => *(ushort*)a == Inet
        ? $"{a[4].ToString(CultureInfo.InvariantCulture)}.{a[5].ToString(CultureInfo.InvariantCulture)}.{a[6].ToString(CultureInfo.InvariantCulture)}.{a[7].ToString(CultureInfo.InvariantCulture)}"
        : new IPAddress(new ReadOnlySpan<byte>(a + 8, 16)).ToString();

    private static bool WriteName(byte* m, int target, int size, string value) =>
        target == 0 || size <= 0 || CString.TryWrite(m, target, size, value);

    /// <summary>A numeric address as 4 or 16 bytes.</summary>
    private static bool TryReadAddress(byte* text, string name, byte* bytes, out bool v6, out uint scope)
    {
        scope = 0;
        v6 = false;
        if (Libc.inet_pton(Inet, text, bytes) == 1)
        {
            return true;
        }

        v6 = true;
        if (Libc.inet_pton(Inet6, text, bytes) == 1)
        {
            return true;
        }

        // With a scope (fe80::1%eth0), or in one of the forms of inet_aton(3).
        if (!IPAddress.TryParse(name, out var address))
        {
            return false;
        }

        v6 = address.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6;
        scope = v6 ? (uint)address.ScopeId : 0;
        return address.TryWriteBytes(new Span<byte>(bytes, v6 ? 16 : 4), out _);
    }
}
