using System.Globalization;

namespace Pocketgres.Durability.Tests.Support;

/// <summary>How much of the long tests is run, from the environment; the seed that replays a run.</summary>
static class Scale
{
    static readonly Lock s_progress = new();

    /// <summary>SIGKILLs of the whole process: POCKETGRES_KILLS.</summary>
    public static int Kills => Number("POCKETGRES_KILLS", 8);

    /// <summary>Simulated power cuts: POCKETGRES_POWER_CUTS.</summary>
    public static int PowerCuts => Number("POCKETGRES_POWER_CUTS", 12);

    /// <summary>Runs with one failing call each, for each kind of failure: POCKETGRES_FAULTS. More than there are calls: every call.</summary>
    public static int Faults => Number("POCKETGRES_FAULTS", 3);

    /// <summary>Only failures of this kind: POCKETGRES_FAULT_KIND.</summary>
    public static int? FaultKind => Number("POCKETGRES_FAULT_KIND", -1) is var kind and >= 0 ? kind : null;

    /// <summary>Only calls from this one on: POCKETGRES_FAULT_FROM.</summary>
    public static int FaultFrom => Number("POCKETGRES_FAULT_FROM", 1);

    /// <summary>Runs of the failing-call test side by side: POCKETGRES_PARALLEL.</summary>
    public static int Parallel => Number("POCKETGRES_PARALLEL", 2);

    /// <summary>One run with one fault: POCKETGRES_FAULT=KIND:CALL.</summary>
    public static (int Kind, long Call)? Fault => Environment.GetEnvironmentVariable("POCKETGRES_FAULT")?.Split(':') is [var kind, var call]
        ? (int.Parse(kind, CultureInfo.InvariantCulture), long.Parse(call, CultureInfo.InvariantCulture))
        : null;

    /// <summary>POCKETGRES_SEED, or a new one.</summary>
    public static int Seed { get; } = Number("POCKETGRES_SEED", Environment.TickCount & 0xFFFFF);

    /// <summary>Where long runs tell how far they are, while they run: the file POCKETGRES_PROGRESS.</summary>
    public static void Progress(string line)
    {
        if (Environment.GetEnvironmentVariable("POCKETGRES_PROGRESS") is { Length: > 0 } file)
        {
            lock (s_progress)
            {
                File.AppendAllText(file, $"{DateTime.Now:HH:mm:ss} {line}\n");
            }
        }
    }

    static int Number(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out int value) ? value : otherwise;
}
