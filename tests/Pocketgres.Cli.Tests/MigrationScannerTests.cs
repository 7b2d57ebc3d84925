using Pocketgres.Scanning;
using Pocketgres.Installation.Extensions;

namespace Pocketgres.Cli.Tests;

/// <summary>What a scan finds, and what it must not.</summary>
public class MigrationScannerTests
{
    private static readonly ExtensionCatalog Catalog = ExtensionCatalog.Load();

    [Theory]
    [InlineData("CREATE EXTENSION citext;", "citext")]
    [InlineData("create extension if not exists \"uuid-ossp\" with schema public", "uuid-ossp")]
    [InlineData("create\n  extension nobody_knows_me", "nobody_knows_me")]
    [InlineData("create table t (a int, email citext not null)", "citext")]
    [InlineData("alter table t add column email public.citext", "citext")]
    [InlineData("alter table t alter column email type citext using email::text", "citext")]
    [InlineData("select $1::hstore", "hstore")]
    [InlineData("create index on t using gin (name gin_trgm_ops)", "pg_trgm")]
    [InlineData("select * from t where similarity(a, 'x') > 0.3", "pg_trgm")]
    [InlineData("select encode(gen_random_bytes(8), 'hex')", "pgcrypto")]
    [InlineData("select public.uuid_generate_v4()", "uuid-ossp")]
    [InlineData("create table t (embedding vector(1536))", "vector")]
    [InlineData("create table t (g geography(point, 4326), b int)", "postgis")]
    [InlineData("create index on t using hnsw (e vector_cosine_ops)", "vector")]
    [InlineData("SELECT * FROM pg_stat_statements", "pg_stat_statements")]
    public void Finds_in_sql(string sql, string expected) => Assert.Equal([expected], Names("a.sql", sql));

    [Theory]
    [InlineData("-- create extension citext")]
    [InlineData("/* create extension /* nested */ citext */ select 1")]
    [InlineData("select a from t group by cube (a, b)")]
    [InlineData("create table cube (seg int, lo int)")]
    [InlineData("select vector from t where geometry = 1")]
    [InlineData("select my_similarity(1)")]
    [InlineData("select gen_random_uuid()")]
    public void Finds_nothing_in_sql(string sql) => Assert.Empty(Names("a.sql", sql));

    [Theory]
    [InlineData("schema.prisma", "extensions = [citext, uuidOssp(map: \"uuid-ossp\", schema: \"public\"), pg_trgm]", "citext,pg_trgm,uuid-ossp")]
    [InlineData("schema.prisma", "model A {\n  email String @db.Citext\n}", "citext")]
    [InlineData("schema.prisma", "  v Unsupported(\"vector(3)\")?", "vector")]
    [InlineData("m.py", "operations = [TrigramExtension(), CreateExtension('hstore')]", "hstore,pg_trgm")]
    [InlineData("m.py", "# TrigramExtension()", "")]
    [InlineData("m.js", "await knex.raw('create extension if not exists \"uuid-ossp\"')", "uuid-ossp")]
    [InlineData("m.js", "table.specificType('path', 'ltree')", "ltree")]
    [InlineData("m.ts", "const c = customType({ dataType() { return \"citext\"; } });", "citext")]
    [InlineData("m.ts", "/*\n create extension citext\n*/\n// citext\nexport {};", "")]
    [InlineData("m.ts", "sql`CREATE EXTENSION IF NOT EXISTS \\\"citext\\\"`", "citext")]
    [InlineData("schema.rs", "path -> Ltree,", "ltree")]
    public void Finds_in_code(string file, string code, string expected) => Assert.Equal(expected, string.Join(',', Names(file, code)));

    [Fact]
    public void Says_where()
    {
        ScanFinding finding = Assert.Single(new MigrationScanner(Catalog).Scan("a.sql", "select 1;\n\n/* two\nlines */ create extension hstore;\n"));
        Assert.Equal(new ScanFinding("hstore", true, "a.sql", 4, "create extension hstore;"), finding);
    }

    private static IEnumerable<string> Names(string file, string text) =>
        new MigrationScanner(Catalog).Scan(file, text).Select(f => f.Extension).Distinct().Order(StringComparer.Ordinal);
}
