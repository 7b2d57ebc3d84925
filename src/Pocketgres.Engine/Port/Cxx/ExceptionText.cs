using Pocketgres.Engine.Port.Libpq;
using Pocketgres.Kernel;

namespace Pocketgres.Engine.Port.Cxx;

/// <summary>
/// Member functions of the standard exceptions. Those with a text (logic_error, runtime_error and what is derived from them) hold libc++'s
/// <c>__libcpp_refstring</c>: a pointer to the characters, behind {size_t length, size_t capacity, int count}; count is the number of owners less one.
/// Constructors and destructors return <c>this</c>, as the C++ ABI for WebAssembly has it.
/// </summary>
public static unsafe class ExceptionText
{
    private const int TextOffset = 4, HeaderSize = 12, CountOffset = -4;

    /// <summary>A destructor with nothing to do.</summary>
    [HostFunction("_ZNSt9exceptionD2Ev")]
    public static int Nothing(byte* m, int self) => self;

    /// <summary>std::bad_cast::~bad_cast().</summary>
    [HostFunction("_ZNSt8bad_castD2Ev")]
    public static int DestroyBadCast(byte* m, int self) => self;

    /// <summary>std::bad_cast::bad_cast().</summary>
    [HostFunction("_ZNSt8bad_castC2Ev")]
    public static int MakeBadCast(byte* m, int self) => Construct(m, self, "_ZTVSt8bad_cast");

    /// <summary>std::bad_array_new_length::bad_array_new_length().</summary>
    [HostFunction("_ZNSt20bad_array_new_lengthC1Ev")]
    public static int MakeBadArrayNewLength(byte* m, int self) => Construct(m, self, "_ZTVSt20bad_array_new_length");

    /// <summary>std::runtime_error::~runtime_error(): drops one reference to the text.</summary>
    [HostFunction("_ZNSt13runtime_errorD2Ev")]
    public static int Release(byte* m, int self)
    {
        int text = *(int*)(m + (uint)self + TextOffset);
        if (text != 0 && --*(int*)(m + (uint)text + CountOffset) < 0)
        {
            GuestHeap.Free(m, text - HeaderSize);
        }

        return self;
    }

    /// <summary>The same, as a complete object's destructor.</summary>
    [HostFunction("_ZNSt13runtime_errorD1Ev")]
    public static int ReleaseComplete(byte* m, int self) => Release(m, self);

    /// <summary>std::logic_error::~logic_error().</summary>
    [HostFunction("_ZNSt11logic_errorD2Ev")]
    public static int ReleaseLogicError(byte* m, int self) => Release(m, self);

    /// <summary>std::runtime_error::what().</summary>
    [HostFunction("_ZNKSt13runtime_error4whatEv")]
    public static int Get(byte* m, int self) => *(int*)(m + (uint)self + TextOffset);

    internal static void Delete(byte* m, int self) => GuestHeap.Free(m, Release(m, self));

    /// <summary>what() of exceptions without a text: the class's mangled name.</summary>
    internal static int ClassName(byte* m, int self) => TypeInformation.Name(m, TypeInformation.Of(m, self));

    private static int Construct(byte* m, int self, string table)
    {
        *(int*)(m + (uint)self) = Process.From(m).HostVariable(table) + TypeInformation.AddressPoint;
        return self;
    }
}
