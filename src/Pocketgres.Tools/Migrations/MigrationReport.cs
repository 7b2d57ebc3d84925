namespace Pocketgres.Migrations;

/// <summary>What was done, or with a dry run would be.</summary>
/// <param name="Tool">Whose folder it is: <c>prisma</c>, <c>drizzle</c>, <c>knex</c>, <c>flyway</c>, <c>rails</c>, <c>dbmate</c>, <c>golang-migrate</c>, <c>goose</c> or <c>sql</c>.</param>
/// <param name="Applied">The names of the migrations that were applied, in their order.</param>
/// <param name="AlreadyApplied">How many were there before.</param>
/// <param name="Missing">Migrations that the database has and the folder has not.</param>
public sealed record MigrationReport(string Tool, IReadOnlyList<string> Applied, int AlreadyApplied, IReadOnlyList<string> Missing);

/// <summary>How far a run is.</summary>
/// <param name="Migration">The migration that begins.</param>
/// <param name="Number">Which of the pending ones it is, from 1.</param>
/// <param name="Count">How many are pending.</param>
public sealed record MigrationProgress(string Migration, int Number, int Count);

/// <summary>How to apply migrations.</summary>
public sealed record MigrateOptions
{
    /// <summary>Only say what would be applied; nothing is written, not even the tables of the history.</summary>
    public bool DryRun { get; init; }

    /// <summary>Values for Flyway's placeholders <c>${name}</c>.</summary>
    public IReadOnlyDictionary<string, string> Placeholders { get; init; } = new Dictionary<string, string>();
}
