namespace Pocketgres.Pglite;

/// <summary>A line of <see cref="EngineArtifacts.ModuleIndex"/>: a program or shared library and the assembly it became.</summary>
/// <param name="Name">A program's name (<c>postgres</c>, <c>initdb</c>), or a library's file name without directory and <c>.so</c>.</param>
/// <param name="AssemblyName">Simple name of the translated assembly.</param>
/// <param name="IsSideModule">True for a shared library, which the dynamic linker places into the server program's memory.</param>
public sealed record EngineModule(string Name, string AssemblyName, bool IsSideModule)
{
    private const string Side = "side";
    private const string Main = "main";

    /// <summary>Reads an index.</summary>
    /// <exception cref="InvalidDataException">A line is not of the form <c>name TAB assembly TAB main|side</c>.</exception>
    public static IReadOnlyDictionary<string, EngineModule> ReadIndex(string directory)
    {
        var modules = new Dictionary<string, EngineModule>(StringComparer.Ordinal);
        string file = Path.Combine(directory, EngineArtifacts.ModuleIndex);
        foreach (string line in File.ReadLines(file))
        {
            if (line.Split('\t') is not [var name, var assembly, Side or Main] fields)
            {
                throw new InvalidDataException($"{file}: not a module: {line}");
            }

            modules.Add(name, new EngineModule(name, assembly, fields[2] == Side));
        }

        return modules;
    }

    /// <summary>Writes an index, ordered by name.</summary>
    public static void WriteIndex(string directory, IEnumerable<EngineModule> modules) =>
        File.WriteAllLines(
            Path.Combine(directory, EngineArtifacts.ModuleIndex),
            modules.OrderBy(m => m.Name, StringComparer.Ordinal).Select(m => $"{m.Name}\t{m.AssemblyName}\t{(m.IsSideModule ? Side : Main)}"));
}
