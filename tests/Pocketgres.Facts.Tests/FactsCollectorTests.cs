using A = Pocketgres.Facts.DwarfAttribute;
using static Pocketgres.Facts.DwarfTag;

namespace Pocketgres.Facts.Tests;

/// <summary>Layouts, constants and addresses out of debugging information.</summary>
public sealed class FactsCollectorTests
{
    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public void Structs_enumerations_typedefs_and_variables_are_written(int version)
    {
        var module = new DwarfModule(version);
        module.BeginUnit("/src/backend/latch.c");
        BaseTypes(module);
        module.Entry(StructureType, true, "latch", (A.Name, "Latch"), (A.ByteSize, 64));
        module.Entry(Member, false, null, (A.Name, "is_set"), (A.Type, "@volatile"), (A.DataMemberLocation, 0));
        module.Entry(Member, false, null, (A.Name, "next"), (A.Type, "@pointer"), (A.DataMemberLocation, 8));
        module.Entry(Member, false, null, (A.Type, "@anonymous"), (A.DataMemberLocation, 16));
        module.Entry(Member, false, null, (A.Name, "u"), (A.Type, "@anonymous"), (A.DataMemberLocation, 24));
        module.Entry(Member, false, null, (A.Name, "flag"), (A.Type, "@int"), (A.BitSize, 1), (A.DataBitOffset, 3));
        module.Entry(Member, false, null, (A.Name, "matrix"), (A.Type, "@matrix"), (A.DataMemberLocation, 32));
        module.Entry(Member, false, null, (A.Name, "color"), (A.Type, "@color"), (A.DataMemberLocation, 56));
        module.Entry(Member, false, null, (A.Name, "rest"), (A.Type, "@flexible"), (A.DataMemberLocation, 64));
        module.End();
        module.Entry(UnionType, true, "anonymous", (A.ByteSize, 8));
        module.Entry(Member, false, null, (A.Name, "x"), (A.Type, "@int"), (A.DataMemberLocation, 0));
        module.Entry(Member, false, null, (A.Name, "y"), (A.Type, "@double"), (A.DataMemberLocation, 4));
        module.End();
        module.Entry(ArrayType, true, "matrix", (A.Type, "@int"));
        module.Entry(SubrangeType, false, null, (A.Count, 2));
        module.Entry(SubrangeType, false, null, (A.UpperBound, 2));
        module.End();
        module.Entry(ArrayType, true, "flexible", (A.Type, "@char"));
        module.Entry(SubrangeType, false, null);
        module.End();
        module.Entry(EnumerationType, true, "colors", (A.ByteSize, 4));
        module.Entry(Enumerator, false, null, (A.Name, "RED"), (A.ConstValue, -1));
        module.Entry(Enumerator, false, null, (A.Name, "BLUE"), (A.ConstValue, 300));
        module.End();
        module.Entry(Typedef, false, "color", (A.Name, "Color"), (A.Type, "@colors"));
        module.Entry(Typedef, false, null, (A.Name, "LatchAlias"), (A.Type, "@latch"));
        module.Entry(Typedef, false, null, (A.Name, "Pair"), (A.Type, "@anonymous"));
        module.Entry(StructureType, false, null, (A.Name, "Elsewhere"), (A.Declaration, 1));
        module.Entry(Variable, false, null, (A.Name, "MyLatch"), (A.Type, "@pointer"), (A.Location, module.Address(0x12345678)));
        module.Entry(Variable, false, "external", (A.Name, "Shared"), (A.Type, "@latch"), (A.Declaration, 1));
        module.Entry(Variable, false, null, (A.Specification, "@external"), (A.Location, module.Address(0x9000)));
        module.Entry(Variable, false, null, (A.Name, "dropped"), (A.Type, "@int"), (A.Location, module.Address(0)));

        // What LLVM keeps as a byte of 0 or 1: as it is declared, or not.
        byte[] zeroOrOne = [0x94, 0x01, 0x31, 0x1e, 0x30, 0x22, 0x9f];
        module.Entry(Variable, false, null, (A.Name, "Shrunk"), (A.Type, "@char"), (A.Location, (byte[])[.. module.Address(0x7000), .. zeroOrOne]));
        module.Entry(Variable, false, null, (A.Name, "wider"), (A.Type, "@int"), (A.Location, (byte[])[.. module.Address(0x7001), .. zeroOrOne]));
        module.EndUnit();

        Assert.Equal(
            """
            facts 1 pointer 8
            struct Latch 64
             0 i4 is_set
             8 p next
             16 i4 x
             20 f8 y
             24 i4 u.x
             28 f8 u.y
             32 i4[6] matrix
             56 e4:Color color
             64 i1[0] rest
            struct Pair 8
             0 i4 x
             4 f8 y
            typedef LatchAlias Latch
            enum Color 4
             -1 RED
             300 BLUE
            var MyLatch 305419896 p
            var Shared 36864 s:Latch
            var Shrunk 28672 i1

            """,
            Facts(module));
    }

    [Theory]
    [InlineData(4)]
    [InlineData(5)]
    public void A_name_that_two_files_use_differently_has_the_file(int version)
    {
        var module = new DwarfModule(version);
        foreach (var (file, size, address) in new[] { ("b.c", 4, 0x2000), ("a.c", 8, 0x1000), ("c.c", 8, 0x3000) })
        {
            module.BeginUnit(file);
            BaseTypes(module);
            module.Entry(StructureType, true, null, (A.Name, "state"), (A.ByteSize, size));
            module.Entry(Member, false, null, (A.Name, "x"), (A.Type, "@int"), (A.DataMemberLocation, 0));
            module.End();
            module.Entry(Variable, false, null, (A.Name, "counter"), (A.Type, "@int"), (A.Location, module.Address(address)));
            module.EndUnit();
        }

        Assert.Equal(
            """
            facts 1 pointer 8
            struct state@a.c 8
             0 i4 x
            struct state@b.c 4
             0 i4 x
            var counter@a.c 4096 i4
            var counter@b.c 8192 i4
            var counter@c.c 12288 i4

            """,
            Facts(module));
    }

    [Fact]
    public void A_module_without_debugging_information_says_what_to_do() =>
        Assert.Contains("compile it with -g", Assert.Throws<FactsException>(() => Facts([0, (byte)'a', (byte)'s', (byte)'m', 1, 0, 0, 0])).Message, StringComparison.Ordinal);

    [Fact]
    public void Something_else_is_refused() => Assert.Throws<FactsException>(() => Facts([.. "#!/bin/sh and more"u8]));

    [Fact]
    public void Damage_is_an_error_never_an_endless_loop_or_another_exception()
    {
        var module = new DwarfModule(5);
        module.BeginUnit("a.c");
        BaseTypes(module);
        module.Entry(StructureType, true, null, (A.Name, "state"), (A.ByteSize, 8));
        module.Entry(Member, false, null, (A.Name, "x"), (A.Type, "@int"), (A.DataMemberLocation, 0));
        module.End();
        module.EndUnit();
        byte[] good = module.ToArray();
        string whole = Facts(good);
        int refused = 0;
        for (int at = 8; at < good.Length; at++)
        {
            foreach (byte[] bad in new[] { good[..at], [.. good[..at], (byte)(good[at] ^ 0xff), .. good[(at + 1)..]] })
            {
                try
                {
                    Facts(bad);
                }
                catch (Exception e) when (e is FactsException or OverflowException or ArgumentOutOfRangeException)
                {
                    refused++;
                }
            }
        }

        Assert.True(refused > good.Length / 2, $"{refused} of {2 * (good.Length - 8)}");
        Assert.Equal(whole, Facts(good));
    }

    private static void BaseTypes(DwarfModule module)
    {
        module.Entry(BaseType, false, "int", (A.Name, "int"), (A.Encoding, (int)DwarfEncoding.Signed), (A.ByteSize, 4));
        module.Entry(BaseType, false, "char", (A.Name, "char"), (A.Encoding, (int)DwarfEncoding.SignedChar), (A.ByteSize, 1));
        module.Entry(BaseType, false, "double", (A.Name, "double"), (A.Encoding, (int)DwarfEncoding.Float), (A.ByteSize, 8));
        module.Entry(VolatileType, false, "volatile", (A.Type, "@int"));
        module.Entry(PointerType, false, "pointer", (A.Type, "@int"));
    }

    private static string Facts(DwarfModule module) => Facts(module.ToArray());

    private static string Facts(byte[] module)
    {
        var collector = new FactsCollector();
        foreach (var unit in new DwarfReader(WasmSections.Read(module)).Units())
        {
            collector.Add(unit);
        }

        using var writer = new StringWriter();
        collector.Write(writer);
        return writer.ToString();
    }
}
