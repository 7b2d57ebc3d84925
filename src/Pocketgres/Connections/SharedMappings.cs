using System.Reflection;
using Npgsql;
using Npgsql.Internal;
using Npgsql.Internal.Postgres;

namespace Pocketgres.Connections;

#pragma warning disable NPG9001 // Npgsql's own extension point for type mappings; marked experimental.

/// <summary>
/// Npgsql's own type mappings, made once. Each data source makes a list of some hundred of them with the first value it reads, which takes as long as
/// the query; those of data sources with Npgsql's defaults are all equal, so that one's list answers for the others too.
/// </summary>
/// <remarks>What is found belongs to the data source that asks, with its types and settings: only the list is shared, which does not change once made.</remarks>
internal sealed class SharedMappings
{
    private static readonly GlobalMappings? s_global = GlobalMappings.TryBind();

    private volatile IPgTypeInfoResolver? _mappings;

    /// <summary>Has a data source that is about to be built lend its mappings, from the first value it reads on.</summary>
    /// <param name="lender">Only with Npgsql's defaults.</param>
    public void BorrowFrom(NpgsqlDataSourceBuilder lender)
    {
        if (s_global is { IsEmpty: true })
        {
            lender.AddTypeInfoResolverFactory(new Factory(new Borrower(this)));
        }
    }

    /// <summary>Has a data source that is about to be built use them, if they are known and Npgsql's global defaults are as they were.</summary>
    /// <param name="builder">Only with Npgsql's defaults: what is added here is asked before all that somebody else adds.</param>
    public void LendTo(NpgsqlDataSourceBuilder builder)
    {
        if (_mappings is { } mappings && s_global is { IsEmpty: true })
        {
            builder.AddTypeInfoResolverFactory(new Factory(new Lender(mappings)));
        }
    }

    /// <summary>Whether the application has changed Npgsql's process-wide type mappings (obsolete there, but allowed). Npgsql does not show it.</summary>
    private sealed class GlobalMappings(Func<PgTypeInfoResolverFactory?> userMappings, Func<IEnumerable<PgTypeInfoResolverFactory>> plugins)
    {
        public bool IsEmpty => userMappings() is null && !plugins().Any();

        /// <summary>Null when this Npgsql is another one than the one known here: nothing is shared then.</summary>
        public static GlobalMappings? TryBind()
        {
#pragma warning disable CS0618 // That it is obsolete does not keep applications from using it.
            object mapper = NpgsqlConnection.GlobalTypeMapper;
#pragma warning restore CS0618
            return Bind<Func<PgTypeInfoResolverFactory?>>(mapper, "GetUserMappingsResolverFactory") is { } userMappings
                && Bind<Func<IEnumerable<PgTypeInfoResolverFactory>>>(mapper, "GetPluginResolverFactories") is { } plugins
                ? new GlobalMappings(userMappings, plugins)
                : null;
        }

        private static TDelegate? Bind<TDelegate>(object target, string name)
            where TDelegate : Delegate =>
            target.GetType().GetMethod(name, BindingFlags.Instance | BindingFlags.NonPublic, []) is { } method
                ? (TDelegate?)Delegate.CreateDelegate(typeof(TDelegate), target, method, throwOnBindFailure: false)
                : null;
    }

    private sealed class Factory(IPgTypeInfoResolver resolver) : PgTypeInfoResolverFactory
    {
        public override IPgTypeInfoResolver CreateResolver() => resolver;

        // The whole chain of the lender answers in the first place, arrays and ranges included.
        public override IPgTypeInfoResolver? CreateArrayResolver() => null;
    }

    /// <summary>Is asked first by the lender, and so gets to see its chain of resolvers.</summary>
    private sealed class Borrower(SharedMappings shared) : IPgTypeInfoResolver
    {
        public PgTypeInfo? GetTypeInfo(Type? type, DataTypeName? dataTypeName, PgSerializerOptions options)
        {
            shared._mappings ??= options.TypeInfoResolver;
            return null;
        }
    }

    private sealed class Lender(IPgTypeInfoResolver mappings) : IPgTypeInfoResolver
    {
        public PgTypeInfo? GetTypeInfo(Type? type, DataTypeName? dataTypeName, PgSerializerOptions options) => mappings.GetTypeInfo(type, dataTypeName, options);
    }
}
