using System.Security.Cryptography;
using Npgsql;
using Pocketgres.Sql;

namespace Pocketgres.Copying;

/// <summary>Copies large objects under their numbers, in pieces, and compares each piece.</summary>
internal static class LargeObjectCopy
{
    private const int PieceSize = 4 << 20;

    /// <summary>Copies all; returns how many.</summary>
    /// <exception cref="CopyException">A piece is another one at the target.</exception>
    public static async Task<int> RunAsync(NpgsqlConnection source, NpgsqlConnection target, CancellationToken cancellationToken)
    {
        var objects = await source.QueryAsync("SELECT oid::bigint FROM pg_catalog.pg_largeobject_metadata ORDER BY oid", cancellationToken);
        foreach (object?[] row in objects)
        {
            await CopyAsync(source, target, (long)row[0]!, cancellationToken);
        }

        return objects.Count;
    }

    private static async Task CopyAsync(NpgsqlConnection source, NpgsqlConnection target, long oid, CancellationToken cancellationToken)
    {
        // Where pg_dump has made it with its owner, it is there.
        await target.ExecuteAsync("SELECT pg_catalog.lo_create($1::oid) WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata WHERE oid = $1::oid)", cancellationToken, oid);
        for (long offset = 0; ; offset += PieceSize)
        {
            byte[] piece = await source.ValueAsync<byte[]>("SELECT pg_catalog.lo_get($1::oid, $2, $3)", cancellationToken, oid, offset, PieceSize) ?? [];
            if (piece.Length > 0)
            {
                await target.ExecuteAsync("SELECT pg_catalog.lo_put($1::oid, $2, $3)", cancellationToken, oid, offset, piece);
                string? there = await target.ValueAsync<string>("SELECT encode(pg_catalog.sha256(pg_catalog.lo_get($1::oid, $2, $3)), 'hex')", cancellationToken, oid, offset, PieceSize);
                if (there != Convert.ToHexStringLower(SHA256.HashData(piece)))
                {
                    throw new CopyException($"the large object {oid} is another one at the target, at byte {offset}: does anybody else write there?");
                }
            }

            if (piece.Length < PieceSize)
            {
                return;
            }
        }
    }
}
