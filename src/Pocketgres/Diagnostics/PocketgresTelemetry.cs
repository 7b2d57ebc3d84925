using System.Diagnostics;

namespace Pocketgres;

/// <summary>What an application's OpenTelemetry sees of its instances: <c>metrics.AddMeter(PocketgresTelemetry.MeterName)</c>, <c>tracing.AddSource(PocketgresTelemetry.SourceName)</c>.</summary>
public static class PocketgresTelemetry
{
    /// <summary>
    /// Name of the meter. Its instruments are the server's statistics under the names that <c>serve --http</c> has (<c>pg_stat_database_xact_commit</c>, ...), of each instance that runs in this
    /// process. The tag <c>pocketgres.instance</c> is its <see cref="PostgresInstance.Url"/>, with a number (<c>memory: (2)</c>) if others have the same. They are read when somebody collects them.
    /// </summary>
    public const string MeterName = "Pocketgres";

    /// <summary>Name of the activity source: <c>pocketgres.start</c>, <c>pocketgres.clone</c>, <c>pocketgres.snapshot</c> and <c>pocketgres.stop</c>. What Npgsql does is traced by Npgsql.</summary>
    public const string SourceName = "Pocketgres";

    /// <summary>The tag that says which instance it is.</summary>
    internal const string InstanceTag = "pocketgres.instance";

    private static readonly ActivitySource s_source = new(SourceName);

    /// <summary>Runs something as an activity of its own, if somebody listens.</summary>
    /// <param name="name">Name of the activity.</param>
    /// <param name="url">Which instance, without a password.</param>
    /// <param name="work">What is done.</param>
    internal static async Task<T> TraceAsync<T>(string name, string url, Func<Task<T>> work)
    {
        using var activity = s_source.StartActivity(name);
        activity?.SetTag("db.system.name", "postgresql").SetTag(InstanceTag, url);
        try
        {
            return await work().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            activity?.SetStatus(ActivityStatusCode.Error, e.Message).SetTag("error.type", e.GetType().FullName);
            throw;
        }
    }
}
