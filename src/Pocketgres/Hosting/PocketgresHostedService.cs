using Microsoft.Extensions.Hosting;

namespace Pocketgres.Hosting;

/// <summary>Ties the instance to the host's life: there before any other hosted service starts, gone after all have stopped, whatever the order of registration.</summary>
internal sealed class PocketgresHostedService(PocketgresHost host) : IHostedLifecycleService
{
    public Task StartingAsync(CancellationToken cancellationToken) => host.GetInstanceAsync(cancellationToken);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => host.Started?.StopAsync(cancellationToken) ?? Task.CompletedTask;
}
