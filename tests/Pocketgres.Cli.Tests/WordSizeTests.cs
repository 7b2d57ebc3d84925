using System.Buffers.Binary;
using Pocketgres.Directories;

namespace Pocketgres.Cli.Tests;

/// <summary>What the catalogs of a 32-bit server have otherwise, from and to: constants of stored expressions (_outConst, outDatum), and most common values (statext_mcv_serialize).</summary>
public sealed class WordSizeTests
{
    private const uint Bool = 16, Int8 = 20, Int4 = 23, Text = 25, Oid = 26, Float8 = 701, MacAddress8 = 774, Unsigned = 70000, Mood = 70001;

    private static readonly Dictionary<uint, CatalogType> s_types = new()
    {
        [Bool] = new(1, 'c', 'b', 0), [Int8] = new(8, 'd', 'b', 0), [Int4] = new(4, 'i', 'b', 0), [Text] = new(-1, 'i', 'b', 0), [Oid] = new(4, 'i', 'b', 0), [Float8] = new(8, 'd', 'b', 0),
        [MacAddress8] = new(8, 'i', 'b', 0), [Unsigned] = new(4, 'i', 'd', Oid), [Mood] = new(4, 'i', 'e', 0),
    };

    [Theory]
    [InlineData(Int4, 4, "true", "4 [ 5 0 0 0 0 0 0 0 ]", "true", "4 [ 5 0 0 0 ]")]
    [InlineData(Int4, 4, "true", "4 [ -1 -1 -1 -1 -1 -1 -1 -1 ]", "true", "4 [ -1 -1 -1 -1 ]")] // the sign goes through the Datum
    [InlineData(Oid, 4, "true", "4 [ -1 -1 -1 -1 0 0 0 0 ]", "true", "4 [ -1 -1 -1 -1 ]")] // which it does not of unsigned types,
    [InlineData(Unsigned, 4, "true", "4 [ -1 -1 -1 -1 0 0 0 0 ]", "true", "4 [ -1 -1 -1 -1 ]")] // of domains over them,
    [InlineData(Mood, 4, "true", "4 [ 1 0 0 -128 0 0 0 0 ]", "true", "4 [ 1 0 0 -128 ]")] // and of enums
    [InlineData(Bool, 1, "true", "1 [ 1 0 0 0 0 0 0 0 ]", "true", "1 [ 1 0 0 0 ]")]
    [InlineData(Int8, 8, "true", "8 [ -2 -1 -1 -1 -1 -1 -1 -1 ]", "false", "8 [ -2 -1 -1 -1 -1 -1 -1 -1 ]")]
    [InlineData(Float8, 8, "true", "<>", "false", "<>")]
    [InlineData(MacAddress8, 8, "false", "8 [ 1 2 3 4 5 6 7 8 ]", "false", "8 [ 1 2 3 4 5 6 7 8 ]")]
    [InlineData(Text, -1, "false", "5 [ 20 0 0 0 97 ]", "false", "5 [ 20 0 0 0 97 ]")]
    public void Constants_have_the_bytes_of_a_datum_and_say_whether_they_are_in_it(uint type, int length, string byValueOf8, string valueOf8, string byValueOf4, string valueOf4)
    {
        string eight = Expression(type, length, byValueOf8, valueOf8), four = Expression(type, length, byValueOf4, valueOf4);
        Assert.Equal(four, new NodeTree(s_types, WordSize.Four).Convert(eight));
        Assert.Equal(eight, new NodeTree(s_types, WordSize.Eight).Convert(four));
        Assert.Equal(eight, new NodeTree(s_types, WordSize.Eight).Convert(eight));
        Assert.Equal(four, new NodeTree(s_types, WordSize.Four).Convert(four));
    }

    [Fact]
    public void A_name_that_looks_like_a_constant_stays_and_a_constant_of_another_form_is_refused()
    {
        const string Name = @"{ALIAS :aliasname \{CONST\ :x :colnames <>}";
        Assert.Equal(Name, new NodeTree(s_types, WordSize.Four).Convert(Name));
        string other = Expression(Int4, 4, "true", "4 [ 5 0 0 0 0 0 0 0 ]").Replace(":constisnull false ", "", StringComparison.Ordinal);
        Assert.Contains("1 of 2", Assert.Throws<FormatException>(() => new NodeTree(s_types, WordSize.Four).Convert(other + Expression(Int4, 4, "true", "<>"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Most_common_values_say_of_each_dimension_how_its_type_is_passed()
    {
        byte[] eight = List((Int8, 3, 24, 0, 8, true), (Text, 3, 30, 36, -1, false), (Int4, 3, 12, 0, 4, true), (MacAddress8, 3, 24, 24, 8, false));
        byte[] four = List((Int8, 3, 24, 24, 8, false), (Text, 3, 30, 36, -1, false), (Int4, 3, 12, 0, 4, true), (MacAddress8, 3, 24, 24, 8, false));
        byte[] value = [.. eight];
        Assert.False(McvList.Convert(value, s_types, WordSize.Eight));
        Assert.True(McvList.Convert(value, s_types, WordSize.Four));
        Assert.Equal(four, value);
        Assert.False(McvList.Convert(value, s_types, WordSize.Four));
        Assert.True(McvList.Convert(value, s_types, WordSize.Eight));
        Assert.Equal(eight, value);
    }

    [Theory]
    [InlineData(0, "unknown form")]
    [InlineData(13, "unknown form")]
    [InlineData(30, "cut off")]
    public void Values_that_are_cut_off_are_refused(int length, string part)
    {
        byte[] value = List((Int8, 3, 24, 0, 8, true), (Int4, 3, 12, 0, 4, true));
        Assert.Contains(part, Assert.Throws<FormatException>(() => McvList.Convert(value.AsSpan(0, length), s_types, WordSize.Four)).Message, StringComparison.Ordinal);
        value[0] ^= 1;
        Assert.Throws<FormatException>(() => McvList.Convert(value, s_types, WordSize.Four));
    }

    private static string Expression(uint type, int length, string byValue, string value) =>
        $"{{OPEXPR :opno 521 :args ({{VAR :varno 1}} {{CONST :consttype {type} :consttypmod -1 :constcollid 0 :constlen {length} :constbyval {byValue} :constisnull {(value == "<>" ? "true" : "false")} :location -1 :constvalue {value}}}) :location -1}}";

    // MCVList's magic, type, nitems, ndimensions (16 bits), the types, then DimensionInfo: nvalues, nbytes, nbytes_aligned, typlen, typbyval; items.
    private static byte[] List(params (uint Type, int Values, int Bytes, int Aligned, int Length, bool IsByValue)[] dimensions)
    {
        var list = new MemoryStream();
        Write(0xE1A651C2);
        Write(1);
        Write(3);
        list.Write([(byte)dimensions.Length, 0]);
        Array.ForEach(dimensions, d => Write(d.Type));
        foreach (var d in dimensions)
        {
            Write((uint)d.Values);
            Write((uint)d.Bytes);
            Write((uint)d.Aligned);
            Write((uint)d.Length);
            Write(d.IsByValue ? 1u : 0);
        }

        list.Write([1, 2, 3]);
        return list.ToArray();

        void Write(uint number)
        {
            byte[] bytes = new byte[4];
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, number);
            list.Write(bytes);
        }
    }
}
