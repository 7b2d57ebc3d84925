using Microsoft.Extensions.Diagnostics.HealthChecks;
using Npgsql;

namespace Pocketgres.Hosting;

/// <summary>Healthy when a query on a pooled connection is answered.</summary>
internal sealed class PocketgresHealthCheck(PocketgresHost host) : IHealthCheck
{
    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (host.Started is not { } instance)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, "not started");
        }

        if (instance.State != PostgresInstanceState.Running)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, instance.State.ToString());
        }

        try
        {
            var command = instance.DataSource.CreateCommand("SELECT 1");
            await using (command.ConfigureAwait(false))
            {
                await command.ExecuteScalarAsync(cancellationToken).ConfigureAwait(false);
                return HealthCheckResult.Healthy(instance.Url);
            }
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            return new HealthCheckResult(context.Registration.FailureStatus, "does not answer: " + e.Message, e);
        }
    }
}
