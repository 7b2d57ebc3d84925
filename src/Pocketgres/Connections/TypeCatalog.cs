using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using Npgsql;
using Npgsql.Internal;
using Npgsql.PostgresTypes;
using Npgsql.Util;

namespace Pocketgres.Connections;

#pragma warning disable NPG9001, NPG9002 // Npgsql's own extension point for what it knows of a database; marked experimental.

/// <summary>
/// The types of one database as Npgsql has read them from its catalogue. Each data source reads them with its first connection, which takes longer
/// than starting a clone; clones of one snapshot have the same types, so that one reading does for all of them.
/// </summary>
internal sealed class TypeCatalog
{
    // Npgsql has one list of factories a process, and no other place to ask.
    private static readonly Factory s_factory = Register();

    private readonly NpgsqlDatabaseInfo _info;
    private readonly IReadOnlyList<PostgresType> _types;

    private TypeCatalog(NpgsqlDatabaseInfo info, IReadOnlyList<PostgresType> types, SharedMappings mappings) => (_info, _types, Mappings) = (info, types, mappings);

    /// <summary>Type mappings for data sources with Npgsql's defaults.</summary>
    public SharedMappings Mappings { get; }

    /// <summary>Reads the types of a database through a connection of its own; null when Npgsql does not show them.</summary>
    /// <param name="connectionString">A database to whose address nobody else connects.</param>
    /// <param name="cancellationToken">Cancels.</param>
    public static async Task<TypeCatalog?> ReadAsync(string connectionString, CancellationToken cancellationToken)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false };
        s_factory.Watched[KeyOf(settings)] = null;
        try
        {
            var builder = new NpgsqlDataSourceBuilder(settings.ConnectionString);
            var mappings = new SharedMappings();
            mappings.BorrowFrom(builder);
            var source = builder.Build();
            await using (source.ConfigureAwait(false))
            {
                var connection = await source.OpenConnectionAsync(cancellationToken).ConfigureAwait(false);
                await using var _ = connection.ConfigureAwait(false);
                if (s_factory.Watched.GetValueOrDefault(KeyOf(settings))?.DatabaseInfo is not { } info
                    || typeof(NpgsqlDatabaseInfo).GetMethod("GetTypes", BindingFlags.Instance | BindingFlags.NonPublic)?.Invoke(info, null)
                        is not IEnumerable<PostgresType> types)
                {
                    return null;
                }

                // A value is read, so that the mappings are made and lent.
                var command = new NpgsqlCommand("SELECT 'x'", connection);
                await using (command.ConfigureAwait(false))
                {
                    await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
                }

                return new TypeCatalog(info, [.. types], mappings);
            }
        }
        finally
        {
            s_factory.Watched.TryRemove(KeyOf(settings), out _);
        }
    }

    /// <summary>Has the next connection to an address that wants to know its types get these. Once: whoever reloads types means it.</summary>
    public void Offer(NpgsqlConnectionStringBuilder address) => s_factory.Offered[KeyOf(address)] = (this, address.Database);

    /// <summary>Takes an offer back.</summary>
    public static void Withdraw(NpgsqlConnectionStringBuilder address) => s_factory.Offered.TryRemove(KeyOf(address), out _);

    private static string KeyOf(NpgsqlConnectionStringBuilder address) => string.Create(CultureInfo.InvariantCulture, $"{address.Port} {address.Host}");

    private static Factory Register()
    {
        var factory = new Factory();
        NpgsqlDatabaseInfo.RegisterFactory(factory);
        return factory;
    }

    /// <summary>Asked before Npgsql's own; null leaves the question to those.</summary>
    private sealed class Factory : INpgsqlDatabaseInfoFactory
    {
        public ConcurrentDictionary<string, (TypeCatalog Catalog, string? Database)> Offered { get; } = new(StringComparer.Ordinal);

        public ConcurrentDictionary<string, NpgsqlConnector?> Watched { get; } = new(StringComparer.Ordinal);

        public Task<NpgsqlDatabaseInfo?> Load(NpgsqlConnector conn, NpgsqlTimeout timeout, bool async)
        {
            string key = KeyOf(conn.Settings);
            if (Watched.ContainsKey(key))
            {
                Watched[key] = conn;
            }
            else if (Offered.TryGetValue(key, out var offer) && offer.Database == conn.Settings.Database && Offered.TryRemove(key, out offer))
            {
                return Task.FromResult<NpgsqlDatabaseInfo?>(new KnownDatabase(conn.Settings, offer.Catalog));
            }

            return Task.FromResult<NpgsqlDatabaseInfo?>(null);
        }
    }

    private sealed class KnownDatabase(NpgsqlConnectionStringBuilder address, TypeCatalog catalog)
        : NpgsqlDatabaseInfo(address.Host!, address.Port, address.Database!, catalog._info.Version, catalog._info.ServerVersion)
    {
        protected override IEnumerable<PostgresType> GetTypes() => catalog._types;
    }
}
