using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using Pocketgres;
using Pocketgres.Hosting;

// Where people look for Add methods.
namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds a PostgreSQL instance to an application.</summary>
public static class PocketgresServiceCollectionExtensions
{
    /// <summary>Name of the health check.</summary>
    public const string HealthCheckName = "pocketgres";

    /// <summary>
    /// Adds an instance that starts before all hosted services and stops after them; <see cref="NpgsqlDataSource"/>, for applications and for
    /// Entity Framework; <see cref="NpgsqlConnection"/>, transient; a health check <c>pocketgres</c>; and <see cref="PocketgresHost"/>, to get at the
    /// <see cref="PostgresInstance"/> itself. Whoever asks for the data source earlier, for example to migrate before <c>Run</c>, starts it then.
    /// </summary>
    /// <param name="services">The application's services.</param>
    /// <param name="url">See <see cref="PostgresInstanceOptions.Url"/>.</param>
    /// <param name="configure">Further options.</param>
    /// <example><code>builder.Services.AddPocketgres("file:./data");</code></example>
    public static IServiceCollection AddPocketgres(this IServiceCollection services, string url, Action<PostgresInstanceOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(url);
        return services.AddPocketgres(options =>
        {
            options.Url = url;
            configure?.Invoke(options);
        });
    }

    /// <summary>The same with options from configuration: a section with <c>Url</c>, <c>Database</c>, <c>Port</c>, <c>Settings</c> and so on, or a single value, the URL.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="section">For example <c>builder.Configuration.GetSection("Pocketgres")</c>.</param>
    /// <param name="configure">Further options; they come after the section's.</param>
    public static IServiceCollection AddPocketgres(
        this IServiceCollection services, IConfigurationSection section, Action<PostgresInstanceOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(section);
        if (!section.Exists())
        {
            throw new PocketgresException(PocketgresError.InvalidOption,
                $"the configuration has no section \"{section.Path}\": add {{ \"{section.Key}\": {{ \"Url\": \"memory:\" }} }}, or call AddPocketgres with a URL");
        }

        return services.AddPocketgres(options =>
        {
            if (section.Value is { } url)
            {
                options.Url = url;
            }

            section.Bind(options);
            configure?.Invoke(options);
        });
    }

    /// <summary>The same with options from code.</summary>
    public static IServiceCollection AddPocketgres(this IServiceCollection services, Action<PostgresInstanceOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        if (services.Any(s => s.ServiceType == typeof(PocketgresHost)))
        {
            throw new InvalidOperationException(
                "AddPocketgres was called before: an application has one instance; start others with PostgresInstance.StartAsync, or give the one more databases");
        }

        services.AddOptions<PostgresInstanceOptions>().Configure(configure)
            .Configure<IServiceProvider>((options, provider) => options.LoggerFactory ??= provider.GetService<ILoggerFactory>());
        services.AddSingleton<PocketgresHost>(provider => new PocketgresHost(
            provider.GetRequiredService<IOptions<PostgresInstanceOptions>>(),
            provider.GetService<IHostApplicationLifetime>(),
            provider.GetService<ILogger<PocketgresHost>>()));
        services.AddSingleton<IHostedService, PocketgresHostedService>();
        services.TryAddSingleton(provider => provider.GetRequiredService<PocketgresHost>().Instance.DataSource);
        services.TryAddTransient(provider => provider.GetRequiredService<NpgsqlDataSource>().CreateConnection());
        services.AddHealthChecks().Add(new HealthCheckRegistration(
            HealthCheckName, provider => new PocketgresHealthCheck(provider.GetRequiredService<PocketgresHost>()), failureStatus: null, tags: ["ready", "database"]));
        return services;
    }
}
