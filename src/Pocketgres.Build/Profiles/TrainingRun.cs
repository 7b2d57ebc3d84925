namespace Pocketgres.Build.Profiles;

/// <summary>What .NET counts in a training run.</summary>
internal enum TrainingCounts
{
    /// <summary>How often control went from one basic block to another. From some of these counts the compiler knows all.</summary>
    Edges,

    /// <summary>How often each basic block ran. Enough to say how often a call was made, too little to lay out code: that made statements a seventh slower.</summary>
    Blocks,
}

/// <summary>Runs a program on the IL of the engine and has .NET count which branches are taken.</summary>
/// <remarks>
/// .NET's own instrumentation, made for tiered compilation, can be written to a file when the process ends. All methods are to be instrumented, and to
/// stay so: nothing may be compiled again, neither methods that run often nor loops that run long.
/// </remarks>
internal static class TrainingRun
{
    private static readonly (string Name, string Value)[] s_settings =
    [
        ("WritePGOData", "1"),
        ("TieredCompilation", "1"),
        ("TieredPGO", "1"),
        ("TieredPGO_InstrumentOnlyHotCode", "0"),
        ("TC_CallCounting", "0"),
        ("TC_OnStackReplacement_InitialCounter", "7fffffff"),
    ];

    private static readonly string[] s_callers = ["DOTNET_Tiered", "DOTNET_TC_", "DOTNET_Jit", "COMPlus_"];

    /// <summary>Runs <c>dotnet PROGRAM ENGINE-DIR</c> and writes what was counted in which method, as <see cref="ProfileText"/> reads it.</summary>
    /// <param name="program">The program's dll.</param>
    /// <param name="engineDirectory">Translated assemblies without native code (native code is not instrumented).</param>
    /// <param name="counts">What is counted.</param>
    /// <param name="file">Where the result is written.</param>
    /// <exception cref="BuildException">The program failed, or .NET counted nothing.</exception>
    public static void Run(string program, string engineDirectory, TrainingCounts counts, string file)
    {
        EngineProgram.Run(program, [engineDirectory], start => Instrument(start.Environment, counts, file));
        if (!File.Exists(file) || ProfileText.Parse(File.ReadLines(file)).Count == 0)
        {
            throw new BuildException("this .NET runtime wrote no profile of the training run; build without one: -p:PocketgresProfile=false");
        }
    }

    // The caller's own settings of tiered compilation must not mix with these.
    private static void Instrument(IDictionary<string, string?> environment, TrainingCounts counts, string file)
    {
        string[] inherited = [.. environment.Keys.Where(name => s_callers.Any(prefix => name.StartsWith(prefix, StringComparison.OrdinalIgnoreCase)))];
        foreach (string name in inherited)
        {
            environment.Remove(name);
        }

        foreach (var (name, value) in s_settings)
        {
            environment["DOTNET_" + name] = value;
        }

        environment["DOTNET_JitEdgeProfiling"] = counts == TrainingCounts.Edges ? "1" : "0";
        environment["DOTNET_PGODataPath"] = file;
    }
}
