using System.Runtime.InteropServices;

namespace Pocketgres.Kernel.Native;

/// <summary>The host's getaddrinfo(3), with whatever its nsswitch.conf and resolv.conf say.</summary>
internal static unsafe partial class HostResolver
{
    /// <summary>struct addrinfo of 64-bit Linux. The first four members are those of emscripten's too, and have the same values.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct AddressInfo
    {
        public int Flags;
        public int Family;
        public int Type;
        public int Protocol;
        public int AddressLength;
        public byte* Address;
        public byte* CanonicalName;
        public AddressInfo* Next;
    }

    /// <summary>Looks names up; may take seconds.</summary>
    public static Result LookUp(string? node, string? service, AddressInfo hints)
    {
        AddressInfo* list = null;
        int error = getaddrinfo(node, service, &hints, &list);
        return new Result(error, error == 0 ? list : null);
    }

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int getaddrinfo(string? node, string? service, AddressInfo* hints, AddressInfo** result);

    [LibraryImport("libc")]
    private static partial void freeaddrinfo(AddressInfo* list);

    /// <summary>What was found, until it is disposed.</summary>
    internal sealed class Result(int error, AddressInfo* first) : IDisposable
    {
        /// <summary>0 or one of EAI_*, whose values are the same in glibc and musl.</summary>
        public int Error { get; } = error;

        public AddressInfo* First { get; } = first;

        public void Dispose()
        {
            if (First != null)
            {
                freeaddrinfo(First);
            }
        }
    }
}
