using Pocketgres.Engine.Port.Libpq;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Programs;
using Pocketgres.Pglite;

namespace Pocketgres.Engine.Port.Cxx;

/// <summary>
/// The part of the C++ runtime library that C++ extensions refer to by address and that neither they nor the server contain: type information of
/// fundamental types, and type information, vtables and virtual functions of the standard exceptions. Layouts: Itanium C++ ABI 2.5.2 and 2.9.5,
/// libc++'s stdexcept (a vtable pointer and one pointer to reference-counted text).
/// </summary>
internal static unsafe class StandardClasses
{
    private const string PointerTable = "_ZTVN10__cxxabiv119__pointer_type_infoE", FunctionTable = "_ZTVN10__cxxabiv120__function_type_infoE",
        FundamentalTable = "_ZTVN10__cxxabiv123__fundamental_type_infoE", ConstCharPointer = "_ZTIPKc";

    private const int Word = 4;
    private const int AddressPoint = 2 * Word; // of a vtable: behind offset-to-top and type information
    private const int TypeTableSize = 12 * Word; // more virtual functions than any type_info class has
    private const int ConstQualified = 1; // __pbase_type_info::__const_mask

    private static readonly (string Class, string? Base)[] s_exceptions =
    [
        ("9exception", null),
        ("9bad_alloc", "9exception"), ("20bad_array_new_length", "9bad_alloc"), ("8bad_cast", "9exception"),
        ("11logic_error", "9exception"), ("16invalid_argument", "11logic_error"), ("12length_error", "11logic_error"), ("12out_of_range", "11logic_error"),
        ("13runtime_error", "9exception"), ("11range_error", "13runtime_error"), ("14overflow_error", "13runtime_error"),
    ];

    // b, c, d, i, m, x of the ABI's mangled names: bool, char, double, int, unsigned long, long long.
    private static readonly string[] s_fundamental = ["b", "c", "d", "i", "m", "x"];

    /// <summary>What the dynamic linker asks.</summary>
    public static IHostSymbols Symbols { get; } = new HostSymbols();

    private static bool HasText(string name)
    {
        for (string? c = name; c is not null; c = Array.Find(s_exceptions, e => e.Class == c).Base)
        {
            if (c is "11logic_error" or "13runtime_error")
            {
                return true;
            }
        }

        return false;
    }

    private sealed class HostSymbols : IHostSymbols
    {
        private readonly Dictionary<string, nint> _functions = new(StringComparer.Ordinal);
        private readonly HashSet<string> _variables = new(StringComparer.Ordinal) { PointerTable, FunctionTable, FundamentalTable, ConstCharPointer };

        public HostSymbols()
        {
            foreach (var (name, _) in s_exceptions)
            {
                _variables.Add("_ZTISt" + name);
                _variables.Add("_ZTVSt" + name);
                _functions["_ZNSt" + name + "D1Ev"] = _functions["_ZNSt" + name + "D2Ev"] = Destructor(name);
                _functions["_ZNSt" + name + "D0Ev"] = DeletingDestructor(name);
                _functions["_ZNKSt" + name + "4whatEv"] = What(name);
            }

            _variables.UnionWith(s_fundamental.Select(f => "_ZTI" + f));
        }

        public bool TryGetFunction(string name, out nint code) => _functions.TryGetValue(name, out code);

        public bool DefinesVariable(string name) => _variables.Contains(name);

        public IReadOnlyDictionary<string, int> MakeVariables(Process process, Func<nint, int> functionPointer)
        {
            byte* m = process.Memory;
            var made = new Dictionary<string, int>(StringComparer.Ordinal);
            int Make(string name, params ReadOnlySpan<int> words)
            {
                int address = Allocate(m, Math.Max(words.Length * Word, TypeTableSize));
                words.CopyTo(new Span<int>(m + (uint)address, words.Length));
                return made[name] = address;
            }

            foreach (string table in (string[])[PointerTable, FunctionTable, FundamentalTable])
            {
                Make(table); // nobody calls these virtual functions: zeroes, which trap
            }

            foreach (string f in s_fundamental)
            {
                Make("_ZTI" + f, made[FundamentalTable] + AddressPoint, GuestHeap.Duplicate(m, f));
            }

            Make(ConstCharPointer, made[PointerTable] + AddressPoint, GuestHeap.Duplicate(m, "PKc"), ConstQualified, made["_ZTIc"]);
            foreach (var (name, parent) in s_exceptions)
            {
                int text = GuestHeap.Duplicate(m, "St" + name);
                int type = parent is null
                    ? Make("_ZTISt" + name, PgliteAddresses.ClassTypeInfoTable + AddressPoint, text)
                    : Make("_ZTISt" + name, PgliteAddresses.SingleBaseTypeInfoTable + AddressPoint, text, made["_ZTISt" + parent]);
                Make("_ZTVSt" + name, 0, type, functionPointer(Destructor(name)), functionPointer(DeletingDestructor(name)), functionPointer(What(name)));
            }

            return made;
        }

        private static int Allocate(byte* m, int size)
        {
            int address = GuestHeap.Allocate(m, size);
            if (address == 0)
            {
                throw new DynamicLinkException("out of memory for the C++ runtime");
            }

            new Span<byte>(m + (uint)address, size).Clear();
            return address;
        }

        private static nint Destructor(string name) =>
            HasText(name) ? (nint)(delegate*<byte*, int, int>)&ExceptionText.Release : (nint)(delegate*<byte*, int, int>)&ExceptionText.Nothing;

        private static nint DeletingDestructor(string name) =>
            HasText(name) ? (nint)(delegate*<byte*, int, void>)&ExceptionText.Delete : (nint)(delegate*<byte*, int, void>)&GuestHeap.Free;

        private static nint What(string name) =>
            HasText(name) ? (nint)(delegate*<byte*, int, int>)&ExceptionText.Get : (nint)(delegate*<byte*, int, int>)&ExceptionText.ClassName;
    }
}
