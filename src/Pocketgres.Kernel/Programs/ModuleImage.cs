using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel.Programs;

/// <summary>A translated module loaded into the .NET process: its code, what its manifest says, its data image. Immutable; shared by all kernels.</summary>
public sealed class ModuleImage
{
    private const int MethodDefToken = 0x06000000;
    private const int CalledPlaces = 256;

    private readonly Assembly _assembly;
    private readonly nint[] _functions;
    private readonly Called?[] _called = new Called?[CalledPlaces];
    private readonly Lazy<nint[]> _table;

    private ModuleImage(Assembly assembly, ModuleManifest manifest, string dataPath)
    {
        _assembly = assembly;
        Manifest = manifest;
        DataPath = dataPath;
        _functions = new nint[manifest.DefinedFunctions];
        _table = new(MakeTable);
    }

    /// <summary>Simple name of the translated assembly.</summary>
    public string Name => Manifest.AssemblyName;

    /// <summary>Names of imports that nothing supplies.</summary>
    public IReadOnlyList<string> UnresolvedImports => Manifest.Unresolved;

    internal ModuleManifest Manifest { get; }

    /// <summary>File with the initial content of linear memory (main) or of the module's data (side module).</summary>
    internal string DataPath { get; }

    /// <summary>Loads <c>NAME.dll</c>, <c>NAME.manifest</c> and <c>NAME.mem</c> from a directory.</summary>
    /// <exception cref="FileNotFoundException">One of the three is missing.</exception>
    public static ModuleImage Load(string directory, string name)
    {
        var manifest = ModuleManifest.Load(new InstalledFile(Path.Combine(directory, name + ".manifest")).Read);
        var assembly = AssemblyLoadContext.Default.LoadFromAssemblyPath(Path.GetFullPath(Path.Combine(directory, name + ".dll")));
        return new ModuleImage(assembly, manifest, Path.Combine(directory, name + ".mem"));
    }

    /// <summary>Code address of the defined function with this index (imports included in the count).</summary>
    internal nint Function(int index)
    {
        int i = index - Manifest.ImportedFunctions;
        nint code = Volatile.Read(ref _functions[i]);
        if (code == 0)
        {
            // Racing threads compute the same value.
            code = Method(i + 1);
            Volatile.Write(ref _functions[i], code);
        }

        return code;
    }

    /// <summary>Whether there is an exported function of this name.</summary>
    internal bool Exports(string name) => Manifest.Functions.ContainsKey(name);

    /// <summary>Code address of an exported function.</summary>
    /// <remarks>
    /// Host functions name what they call by a constant, some for each row. Those are found by reference, in 2 ns instead of 35; threads that race for a place replace each other's entry,
    /// which is immutable.
    /// </remarks>
    /// <exception cref="MissingMethodException">No such export.</exception>
    internal nint Export(string name)
    {
        ref var place = ref _called[RuntimeHelpers.GetHashCode(name) % CalledPlaces];
        var called = Volatile.Read(ref place);
        if (!ReferenceEquals(called?.Name, name))
        {
            called = new(name, Function(FunctionIndex(name)));
            Volatile.Write(ref place, called);
        }

        return called.Code;
    }

    /// <summary>Index of an exported function.</summary>
    /// <exception cref="MissingMethodException">No such export.</exception>
    public int FunctionIndex(string name) =>
        Manifest.Functions.TryGetValue(name, out var f) ? f.Index : throw new MissingMethodException($"module {Name} does not export function {name}");

    /// <summary>Address of an exported variable of a main program.</summary>
    /// <exception cref="MissingFieldException">No such export.</exception>
    public int VariableAddress(string name) =>
        Manifest.Variables.TryGetValue(name, out int address) ? address : throw new MissingFieldException($"module {Name} does not export variable {name}");

    /// <summary>
    /// Computes now what <see cref="FillTable"/> copies: some microseconds a function, because the runtime has to find its code. Any thread; for one that
    /// has time before the first process starts.
    /// </summary>
    public void Prepare() => _ = _table.Value;

    /// <summary>Fills the table slots of the module's element segments, from <paramref name="firstSlot"/> on; other slots stay.</summary>
    internal unsafe void FillTable(byte* firstSlot)
    {
        var table = _table.Value;
        for (int i = 0; i < table.Length; i++)
        {
            if (table[i] != 0)
            {
                ((nint*)firstSlot)[i] = table[i];
            }
        }
    }

    private unsafe nint[] MakeTable()
    {
        var table = GC.AllocateArray<nint>(Math.Max(Manifest.TableEnd, 0), pinned: true);
        fixed (nint* first = table)
        {
            for (int i = 0; i < Manifest.TableParts; i++)
            {
                ((delegate*<byte*, void>)Method(Manifest.TableRow + i))((byte*)first);
            }
        }

        return table;
    }

    private nint Method(int row) => _assembly.ManifestModule.ResolveMethod(MethodDefToken + row)!.MethodHandle.GetFunctionPointer();

    /// <summary>An exported function that was called.</summary>
    private sealed record Called(string Name, nint Code);
}
