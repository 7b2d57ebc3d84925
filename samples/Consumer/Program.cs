using Pocketgres;
using Pocketgres.Testing;

// An instance, its data, a clone.
await using var pg = await PostgresInstance.StartAsync("memory:");
await using (var command = pg.DataSource.CreateCommand("CREATE TABLE t AS SELECT generate_series(1, 1000) AS id; CREATE EXTENSION pg_trgm"))
{
    await command.ExecuteNonQueryAsync();
}

await using var copy = await pg.CloneAsync();
await using var count = copy.DataSource.CreateCommand("SELECT count(*) || ' rows, ' || split_part(version(), ' ', 2) FROM t");
Console.WriteLine(await count.ExecuteScalarAsync());

// A template.
await using var template = await PostgresTemplate.CreateAsync(async (db, cancellationToken) =>
{
    await using var command = db.DataSource.CreateCommand("CREATE TABLE note (text text)");
    await command.ExecuteNonQueryAsync(cancellationToken);
});
await using var note = await template.CloneAsync();
Console.WriteLine(note.State);
