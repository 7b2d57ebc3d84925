using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Cxx;

/// <summary>Reads C++ type information in linear memory (Itanium C++ ABI 2.9.5).</summary>
internal static unsafe class TypeInformation
{
    /// <summary>Where a vtable pointer points: behind offset-to-top and the type information's address.</summary>
    public const int AddressPoint = 8;

    private const int NameOffset = 4, SingleBase = 8, BaseCount = 12, Bases = 16, BaseSize = 8, OffsetFlags = 4;
    private const int VirtualBase = 1, OffsetShift = 8; // __base_class_type_info::__virtual_mask, __offset_shift

    /// <summary>Type information of a polymorphic object.</summary>
    public static int Of(byte* m, int value) => Word(m, Word(m, value) - 4);

    /// <summary>Address of a type's mangled name.</summary>
    public static int Name(byte* m, int type) => Word(m, type + NameOffset);

    /// <summary>The subobject of a given base class, or 0: what a handler of that class would catch.</summary>
    public static int Base(byte* m, int value, int type, int wanted)
    {
        if (type == wanted)
        {
            return value;
        }

        switch (Word(m, type) - AddressPoint)
        {
            case PgliteAddresses.SingleBaseTypeInfoTable:
                return Base(m, value, Word(m, type + SingleBase), wanted);
            case PgliteAddresses.MultipleBaseTypeInfoTable:
                for (int i = 0; i < Word(m, type + BaseCount); i++)
                {
                    int entry = type + Bases + (i * BaseSize), flags = Word(m, entry + OffsetFlags), offset = flags >> OffsetShift;
                    int found = Base(m, value + ((flags & VirtualBase) != 0 ? Word(m, Word(m, value) + offset) : offset), Word(m, entry), wanted);
                    if (found != 0)
                    {
                        return found;
                    }
                }

                return 0;
            default:
                return 0;
        }
    }

    private static int Word(byte* m, int address) => *(int*)(m + (uint)address);
}
