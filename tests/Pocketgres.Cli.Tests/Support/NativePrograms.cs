namespace Pocketgres.Cli.Tests.Support;

/// <summary>Native PostgreSQL 18, which eng/pg18.sh installs.</summary>
internal static class NativePrograms
{
    /// <summary>Where its programs are.</summary>
    public static string Directory
    {
        get
        {
            string? given = Environment.GetEnvironmentVariable("POCKETGRES_PG18_DIR");
            string root = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(root, "Pocketgres.slnx")))
            {
                root = Path.GetDirectoryName(root)!;
            }

            string path = Path.Combine(string.IsNullOrEmpty(given) ? Path.Combine(root, "artifacts", "pg18") : given, "bin");
            Assert.True(File.Exists(Path.Combine(path, "pg_dump")), $"PostgreSQL 18 is not installed ({path}): run eng/pg18.sh");
            return path;
        }
    }
}
