using Pocketgres.Connections;
using Pocketgres.Copying;
using Pocketgres.Engine.Data;

namespace Pocketgres;

/// <content>Copies to other databases.</content>
public sealed partial class PostgresInstance
{
    /// <summary>
    /// Copies this database into another, empty one, of any kind of URL: schema, rows, sequences and large objects as of one moment, with counts and checksums of both sides
    /// compared. A <c>file:</c> directory is noted as copied (pocketgres.copied), and says so when it is served again.
    /// </summary>
    /// <param name="url">The target; a <c>file:</c> directory is made if missing, and gets a database of this one's name.</param>
    /// <param name="options">How; null for the defaults.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Cancels; what has arrived is removed from the target again.</param>
    /// <exception cref="CopyException">It cannot be copied; the message is one line that says why and what to do.</exception>
    /// <exception cref="PocketgresException">The target cannot be opened.</exception>
    public async Task<DatabaseCopyReport> CopyToAsync(
        string url, DatabaseCopyOptions? options = null, IProgress<DatabaseCopyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(url);
        ThrowUnlessRunning();
        string? database = DatabaseAddress.Parse(url).IsExternal ? null : _backend.Connection.Database;
        var target = await StartAsync(new PostgresInstanceOptions { Url = url, Database = database }, cancellationToken).ConfigureAwait(false);
        await using (target.ConfigureAwait(false))
        {
            return await CopyToAsync(target, options, progress, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>The same to an instance that runs.</summary>
    public Task<DatabaseCopyReport> CopyToAsync(
        PostgresInstance target, DatabaseCopyOptions? options = null, IProgress<DatabaseCopyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(target);
        ThrowUnlessRunning();
        return Translated(
            async () =>
            {
                var report = await DatabaseCopy.RunAsync(DedicatedConnectionString, target.DedicatedConnectionString, options ?? new DatabaseCopyOptions(), progress, cancellationToken).ConfigureAwait(false);
                if (_backend.DataDirectory is { } directory && !target.IsInMemory)
                {
                    if (CopyNote.Add(directory, _backend.Connection.Database!, target.Url) is { } failure)
                    {
                        report = report with { LeftBehind = [.. report.LeftBehind, failure] };
                    }
                }

                return report;
            },
            cancellationToken);
    }

    private bool IsInMemory => DatabaseAddress.Parse(_options.Url).Embedded is { IsMemory: true };
}
