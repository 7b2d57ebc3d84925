using System.Text.RegularExpressions;
using Pocketgres.Migrations.Formats;
using Pocketgres.Sql;

namespace Pocketgres.Migrations;

/// <summary>A folder of migrations: whose it is, and what is in it, split into statements.</summary>
internal sealed partial class MigrationFolder
{
    // Where applications keep them, seen from their own directory.
    private static readonly string[] s_places =
    [
        "", "migrations", "prisma/migrations", "drizzle", "db/migrations", "db/migrate", "db", "database/migrations", "supabase/migrations", "sql",
        "src/main/resources/db/migration",
    ];

    // The one that looks at the least particular names last.
    private static readonly MigrationFormat[] s_formats =
    [
        new DrizzleFormat(), new PrismaFormat(), new RailsFormat(), new GolangMigrateFormat(), new GooseFormat(), new DbmateFormat(), new FlywayFormat(),
        new KnexFormat(), new PlainFormat(),
    ];

    private MigrationFolder(MigrationFormat format, string directory, IReadOnlyList<Migration> migrations, IReadOnlyList<MigrationCallback> callbacks)
    {
        Format = format;
        Directory = directory;
        Migrations = migrations;
        Callbacks = callbacks;
    }

    /// <summary>The tool.</summary>
    public MigrationFormat Format { get; }

    /// <summary>Where the migrations are: the path that was given, or a place below it.</summary>
    public string Directory { get; }

    /// <summary>In the order they are to run.</summary>
    public IReadOnlyList<Migration> Migrations { get; }

    /// <summary>What runs beside them, in its order.</summary>
    public IReadOnlyList<MigrationCallback> Callbacks { get; }

    /// <summary>Finds out whose folder it is and reads it.</summary>
    /// <exception cref="MigrationException">It is nobody's, or holds what cannot be run.</exception>
    public static MigrationFolder Open(string path, MigrateOptions options)
    {
        try
        {
            if (File.Exists(path))
            {
                return Path.GetFileName(path) == RailsFormat.FileName
                    ? Open(new RailsFormat(), Path.GetDirectoryName(Path.GetFullPath(path))!, options)
                    : new MigrationFolder(new PlainFormat(), path, [Migration.Whole(Path.GetFileName(path), Path.GetFileName(path), path)], []);
            }

            if (!System.IO.Directory.Exists(path))
            {
                throw new MigrationException(MigrationError.NotRecognized, $"{path} does not exist: give the folder of the migrations, or that of the application");
            }

            foreach (string place in s_places.Select(p => Path.Combine(path, p)).Where(System.IO.Directory.Exists))
            {
                if (Array.Find(s_formats, f => f.Matches(place)) is { } format)
                {
                    return Open(format, place, options);
                }
            }

            throw new MigrationException(MigrationError.NotRecognized, Unknown(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new MigrationException(MigrationError.BadFile, $"the migrations cannot be read: {e.Message}", e);
        }
    }

    /// <summary>The statements of a migration.</summary>
    /// <exception cref="MigrationException">It cannot be split.</exception>
    public static IReadOnlyList<SqlStatement> Split(Migration migration)
    {
        try
        {
            return SqlScript.Split(migration.Sql);
        }
        catch (SqlScriptException e)
        {
            throw new MigrationException(MigrationError.BadFile, $"{migration.File}:{e.Line + migration.FirstLine - 1}: {e.Message}", e);
        }
    }

    private static MigrationFolder Open(MigrationFormat format, string directory, MigrateOptions options)
    {
        // Left out, they would be missed by what comes after them.
        if (format is not KnexFormat && System.IO.Directory.EnumerateFiles(directory).FirstOrDefault(f => ProgramName().IsMatch(Path.GetFileName(f))) is { } program)
        {
            throw new MigrationException(MigrationError.NotRecognized,
                $"{directory} has migrations that are programs ({Path.GetFileName(program)}) beside those in SQL: run {format.Tool} itself, with \"pocketgres run URL -- TOOL\"");
        }

        return new(format, directory, format.Read(directory, options), format.ReadCallbacks(directory, options));
    }

    private static string Unknown(string path)
    {
        string? program = s_places.Select(p => Path.Combine(path, p)).Where(System.IO.Directory.Exists)
            .SelectMany(System.IO.Directory.EnumerateFiles).FirstOrDefault(f => Path.GetExtension(f) is ".rb" or ".py" or ".ts" or ".js" or ".cs" or ".php" or ".exs");
        return program is null
            ? $"{path} has no migrations of a known tool (Prisma, Drizzle, Knex, Flyway, Rails' structure.sql, dbmate, golang-migrate, goose, *.sql): give the folder they are in"
            : $"{path} has migrations that are programs ({Path.GetFileName(program)}): run their own tool, with \"pocketgres run URL -- TOOL\"";
    }

    [GeneratedRegex(@"^V?\d[\d._]*_.+(?<!_test|\.test|\.d)\.(go|py|rb|php|exs?|java|kt|cs|[cm]?js|ts)$")]
    private static partial Regex ProgramName();
}
