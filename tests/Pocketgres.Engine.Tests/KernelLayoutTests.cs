using System.Runtime.InteropServices;
using Pocketgres.Generators;
using Pocketgres.Kernel.Net;
using Pocketgres.Kernel.Programs;

namespace Pocketgres.Engine.Tests;

/// <summary>
/// The kernel knows structures of the C library as any kernel does, from its headers, and no program. These are where the compiled server has them.
/// </summary>
public sealed partial class KernelLayoutTests
{
    [Fact]
    public void The_status_of_a_file_is_where_the_server_reads_it() => Assert.Equal(
        new DataModel.StatusLayout(
            Stat.Links, Stat.User, Stat.Group, Stat.DeviceType, Stat.Bytes, Stat.BlockSize, Stat.Blocks, Stat.Accessed, Stat.Modified, Stat.Changed, Stat.Inode, Stat.Size),
        DataModel.Lp64.Status);

    [Fact]
    public void An_address_is_where_the_server_reads_it() =>
        Assert.Equal(new DataModel.AddressInfoLayout(AddressInfo.AddressOffset, AddressInfo.Next, AddressInfo.Size), DataModel.Lp64.AddressInfo);

    [Fact]
    public void What_is_polled_is_the_same_in_the_server_and_on_the_host()
    {
        Assert.Equal((Marshal.SizeOf<PollEntry>(), At(nameof(PollEntry.Events)), At(nameof(PollEntry.Returned))), (PollDescriptor.Size, PollDescriptor.Events, PollDescriptor.Returned));
        static int At(string field) => (int)Marshal.OffsetOf<PollEntry>(field);
    }

    [GuestStruct("stat")]
    private readonly ref partial struct Stat
    {
        [GuestName("st_nlink")]
        public static partial int Links { get; }

        [GuestName("st_uid")]
        public static partial int User { get; }

        [GuestName("st_gid")]
        public static partial int Group { get; }

        [GuestName("st_rdev")]
        public static partial int DeviceType { get; }

        [GuestName("st_size")]
        public static partial int Bytes { get; }

        [GuestName("st_blksize")]
        public static partial int BlockSize { get; }

        [GuestName("st_blocks")]
        public static partial int Blocks { get; }

        [GuestName("st_atim")]
        public static partial int Accessed { get; }

        [GuestName("st_mtim")]
        public static partial int Modified { get; }

        [GuestName("st_ctim")]
        public static partial int Changed { get; }

        [GuestName("st_ino")]
        public static partial int Inode { get; }
    }

    [GuestStruct("addrinfo")]
    private readonly ref partial struct AddressInfo
    {
        [GuestName("ai_addr")]
        public static partial int AddressOffset { get; }

        [GuestName("ai_next")]
        public static partial int Next { get; }
    }

    [GuestStruct("pollfd")]
    private readonly ref partial struct PollDescriptor
    {
        [GuestName("events")]
        public static partial int Events { get; }

        [GuestName("revents")]
        public static partial int Returned { get; }
    }
}
