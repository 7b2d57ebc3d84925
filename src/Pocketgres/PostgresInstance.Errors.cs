using Npgsql;
using Pocketgres.Bucket;
using Pocketgres.Engine;
using Pocketgres.Server;

namespace Pocketgres;

/// <content>One kind of exception for whatever goes wrong below.</content>
public sealed partial class PostgresInstance
{
    /// <summary>Runs work on the thread pool and turns the exceptions of the layers below into <see cref="PocketgresException"/>.</summary>
    internal static async Task<T> Translated<T>(Func<Task<T>> work, CancellationToken cancellationToken)
    {
        try
        {
            return await Task.Run(work, cancellationToken).ConfigureAwait(false);
        }
        catch (ClusterException e)
        {
            throw new PocketgresException(
                e.Error switch
                {
                    ClusterError.PortInUse or ClusterError.AddressUnavailable => PocketgresError.AddressUnavailable,
                    ClusterError.DirectoryInUse => PocketgresError.DirectoryInUse,
                    ClusterError.DirectoryNotAccessible or ClusterError.ForeignDirectory or ClusterError.WrongVersion => PocketgresError.DirectoryUnusable,
                    _ => PocketgresError.StartFailed,
                },
                e.Message,
                e);
        }
        catch (BucketException e)
        {
            throw new PocketgresException(e.Error == BucketError.InUse ? PocketgresError.DirectoryInUse : PocketgresError.StartFailed, e.Message, e);
        }
        catch (ServerException e)
        {
            throw new PocketgresException(PocketgresError.StartFailed, e.Message, e);
        }
        catch (EngineFilesException e)
        {
            throw new PocketgresException(PocketgresError.EngineMissing, e.Message, e);
        }
        catch (IOException e)
        {
            throw new PocketgresException(PocketgresError.CopyFailed, e.Message, e);
        }
        catch (NpgsqlException e)
        {
            throw new PocketgresException(PocketgresError.ServerUnavailable, (e as PostgresException)?.MessageText ?? e.InnerException?.Message ?? e.Message, e);
        }
    }
}
