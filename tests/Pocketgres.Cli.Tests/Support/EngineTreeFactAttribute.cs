namespace Pocketgres.Cli.Tests.Support;

/// <summary>A test of what compiles C for the engine: it needs the build tree that eng/engine.sh leaves beside its results, which a clone that takes those from elsewhere does not have.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class EngineTreeFactAttribute : FactAttribute
{
    public EngineTreeFactAttribute()
    {
        string repository = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(repository, "Pocketgres.slnx")))
        {
            repository = Path.GetDirectoryName(repository) ?? throw new InvalidOperationException($"{AppContext.BaseDirectory} is in no clone of Pocketgres");
        }

        string results = Environment.GetEnvironmentVariable("PocketgresPostgres") is { Length: > 0 } result
            ? Path.GetDirectoryName(Path.GetFullPath(result))!
            : Environment.GetEnvironmentVariable("POCKETGRES_ENGINE_DIR") ?? Path.Combine(repository, "artifacts/pg");
        if (!File.Exists(Path.Combine(results, "build/sysroot/include/pocketgres.h")))
        {
            Skip = $"needs the build tree of eng/engine.sh, which is not in {results}";
        }
    }
}
