using System.Buffers.Binary;
using Pocketgres.Engine.Pg;

namespace Pocketgres.Directories;

/// <summary>The most common values of extended statistics (pg_mcv_list, statext_mcv_serialize): a header says of each dimension whether its type is passed by value.</summary>
internal static class McvList
{
    private const uint Magic = 0xE1A651C2;

    // A form that PostgreSQL's function writes value by value, without gaps: magic, type, number of items, then these.
    private const int DimensionsOffset = 3 * sizeof(uint), TypesOffset = DimensionsOffset + sizeof(ushort);

    /// <summary>Converts a value.</summary>
    /// <returns>Whether something was changed.</returns>
    /// <exception cref="FormatException">It has a form that PostgreSQL 18 does not write.</exception>
    public static bool Convert(Span<byte> value, IReadOnlyDictionary<uint, CatalogType> types, WordSize to)
    {
        if (value.Length < TypesOffset || BinaryPrimitives.ReadUInt32LittleEndian(value) != Magic)
        {
            throw new FormatException("extended statistics have an unknown form");
        }

        int dimensions = BinaryPrimitives.ReadUInt16LittleEndian(value[DimensionsOffset..]), infos = TypesOffset + (4 * dimensions);
        if (value.Length < infos + (StatisticsDimension.Size * dimensions))
        {
            throw new FormatException("extended statistics are cut off");
        }

        bool isChanged = false;
        for (int i = 0; i < dimensions; i++)
        {
            var info = value[(infos + (StatisticsDimension.Size * i))..];
            uint type = BinaryPrimitives.ReadUInt32LittleEndian(value[(TypesOffset + (4 * i))..]);
            byte wanted = to == WordSize.Eight ? (byte)1 : (byte)0;
            if (BinaryPrimitives.ReadInt32LittleEndian(info[StatisticsDimension.LengthOffset..]) == 8 && info[StatisticsDimension.ByValueOffset] != wanted && types.TryGetValue(type, out var found) && found.IsEightBytesAligned)
            {
                info[StatisticsDimension.ByValueOffset] = wanted;
                BinaryPrimitives.WriteInt32LittleEndian(info[StatisticsDimension.AlignedOffset..], wanted == 1 ? 0 : BinaryPrimitives.ReadInt32LittleEndian(info[StatisticsDimension.ValuesOffset..]) * 8);
                isChanged = true;
            }
        }

        return isChanged;
    }
}
