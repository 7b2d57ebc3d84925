using Pocketgres.Generators;

namespace Pocketgres.Facts.Tests;

/// <summary>Views and references that the generator has made of <c>sample.facts</c> in this very compilation, on real memory.</summary>
public sealed unsafe partial class GeneratedAccessTests : IDisposable
{
    private readonly byte* _m = (byte*)System.Runtime.InteropServices.NativeMemory.AllocZeroed(0x2000);

    public void Dispose() => System.Runtime.InteropServices.NativeMemory.Free(_m);

    [Fact]
    public void A_member_is_read_and_written_at_its_place()
    {
        var proc = new Proc(_m, 0x100);
        proc.Lsn = 0x1122334455667788;
        proc.Ratio = 2.5;
        proc.Kind = ProcKind.Backend;
        proc.Status = (byte)'x';
        Assert.Equal(0x1122334455667788UL, *(ulong*)(_m + 0x100 + 40));
        Assert.Equal(2.5, *(double*)(_m + 0x100 + 48));
        Assert.Equal(7, *(int*)(_m + 0x100 + 28));
        Assert.Equal((byte)'x', _m[0x100 + 32]);
        *(ulong*)(_m + 0x100 + 40) = 5;
        Assert.Equal(5UL, proc.Lsn);
        Assert.Equal(128, Proc.Size);
        Assert.Equal(16, Proc.OwnerOffset);
    }

    [Fact]
    public void A_pointer_is_an_address_and_its_upper_half_is_cleared()
    {
        var proc = new Proc(_m, 0x100);
        *(ulong*)(_m + 0x100) = 0xffffffff_00000000;
        proc.Next = 0x80000010;
        Assert.Equal(0x80000010UL, *(ulong*)(_m + 0x100));
        Assert.Equal(0x80000010U, proc.Next);
    }

    [Fact]
    public void A_struct_inside_behind_a_pointer_and_in_an_array_are_views()
    {
        var proc = new Proc(_m, 0x100);
        var inside = proc.ProcLatch; // C# assigns to no property of a struct that a property returns
        inside.OwnerPid = 42;
        Assert.Equal(42, *(int*)(_m + 0x100 + 8 + 8));
        proc.LatchAddress = 0x300;
        var pointed = proc.Latch;
        pointed.IsSet = 1;
        Assert.Equal(1, *(int*)(_m + 0x300));
        proc.Latches(2).OwnerPid = 43;
        Assert.Equal(43, *(int*)(_m + 0x100 + 56 + 32 + 8));
        proc.Pointed(3).Shared = true;
        Assert.Equal(1, _m[0x300 + 48 + 4]);
        Assert.Equal(0x100U + 56 + 16, proc.Latches(1).Address);
    }

    [Fact]
    public void A_path_goes_through_structs_and_named_unions_and_gives_references_for_Interlocked()
    {
        var proc = new Proc(_m, 0x100);
        Assert.Equal(1U, Interlocked.Increment(ref proc.State));
        Assert.Equal(1U, *(uint*)(_m + 0x100 + 24));
        proc.Number = 9;
        Assert.Equal(9, *(int*)(_m + 0x100 + 112));
    }

    [Fact]
    public void Variables_and_constants_are_those_of_the_module()
    {
        Variables.InterruptPending(_m) = 1;
        Assert.Equal(1, *(int*)(_m + 4096));
        *(ulong*)(_m + 4104) = 0x100;
        Assert.Equal(0x100U, Variables.MyProc(_m));
        Assert.Equal(0x100U, Variables.Current(_m).Address);
        Variables.MyLatch(_m).IsSet = 3;
        Assert.Equal(3, *(int*)(_m + 4112));
        Assert.Equal(7, Constants.Backend);
    }

    internal enum ProcKind
    {
        None = 0,
        Backend = 7,
    }

    [GuestStruct("Latch")]
    internal readonly ref partial struct Latch
    {
        public partial int IsSet { get; set; }

        public partial bool Shared { get; set; }

        public partial int OwnerPid { get; set; }
    }

    [GuestStruct("PROC")]
    internal readonly ref partial struct Proc
    {
        public partial uint Next { get; set; }

        [GuestName("procLatch.owner_pid")]
        public static partial int OwnerOffset { get; }

        public partial Latch ProcLatch { get; }

        [GuestName("state.value")]
        public partial ref uint State { get; }

        public partial ProcKind Kind { get; set; }

        public partial byte Status { get; set; }

        public partial ulong Lsn { get; set; }

        public partial double Ratio { get; set; }

        [GuestName("u.number")]
        public partial int Number { get; set; }

        [GuestName("latch")]
        public partial uint LatchAddress { get; set; }

        public partial Latch Latch { get; }

        public partial Latch Latches(int index);

        [GuestName("latch")]
        public partial Latch Pointed(int index);
    }

    [GuestVariables]
    internal static partial class Variables
    {
        public static partial ref int InterruptPending(byte* m);

        public static partial uint MyProc(byte* m);

        [GuestName("MyProc")]
        public static partial Proc Current(byte* m);

        public static partial Latch MyLatch(byte* m);
    }

    [GuestConstants]
    internal static partial class Constants
    {
        [GuestName("KIND_BACKEND")]
        public static partial int Backend { get; }
    }
}
