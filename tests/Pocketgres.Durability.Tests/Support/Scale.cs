using System.Globalization;

namespace Pocketgres.Durability.Tests.Support;

/// <summary>How much of the long tests is run, from the environment; the seed that replays a run.</summary>
static class Scale
{
    /// <summary>SIGKILLs of the whole process: POCKETGRES_KILLS.</summary>
    public static int Kills => Number("POCKETGRES_KILLS", 8);

    /// <summary>Simulated power cuts: POCKETGRES_POWER_CUTS.</summary>
    public static int PowerCuts => Number("POCKETGRES_POWER_CUTS", 12);

    /// <summary>Runs with one failing call each: POCKETGRES_FAULTS.</summary>
    public static int Faults => Number("POCKETGRES_FAULTS", 16);

    /// <summary>One run with one fault: POCKETGRES_FAULT=KIND:CALL.</summary>
    public static (int Kind, long Call)? Fault => Environment.GetEnvironmentVariable("POCKETGRES_FAULT")?.Split(':') is [var kind, var call]
        ? (int.Parse(kind, CultureInfo.InvariantCulture), long.Parse(call, CultureInfo.InvariantCulture))
        : null;

    /// <summary>POCKETGRES_SEED, or a new one.</summary>
    public static int Seed { get; } = Number("POCKETGRES_SEED", Environment.TickCount & 0xFFFFF);

    static int Number(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out int value) ? value : otherwise;
}
