using System.Runtime.CompilerServices;
using Npgsql;
using Pocketgres.Bucket;
using Pocketgres.Copying;
using Pocketgres.Engine;
using Pocketgres.Migrations;
using Pocketgres.Server;

namespace Pocketgres.Cli;

/// <summary>Turns what may go wrong in a command into one line on stderr and an exit code.</summary>
internal static class CommandFailure
{
    /// <summary>Runs a command on the thread pool; SIGINT and SIGTERM cancel it.</summary>
    public static int Guard(Func<CancellationToken, Task<int>> command)
    {
        using var interrupt = new Interrupt();
        try
        {
            return Guard(() => command(interrupt.Token));
        }
        catch (OperationCanceledException) when (interrupt.Signal != 0)
        {
            return Program.Fail("interrupted", ExitCode.SignalBase + interrupt.Signal);
        }
    }

    /// <summary>Runs a command on the thread pool.</summary>
    public static int Guard(Func<Task<int>> command)
    {
        try
        {
            return Task.Run(command).GetAwaiter().GetResult();
        }
        catch (ClusterException e)
        {
            return Program.Fail(e.Message, CodeOf(e.Error));
        }
        catch (Exception e) when (CodeOfBucket(e) is { } code)
        {
            return Program.Fail(e.Message, code);
        }
        catch (PostgresException e)
        {
            return Program.Fail($"{e.Severity}: {e.SqlState}: {e.MessageText}{(e.Hint is { Length: > 0 } hint ? $"; {hint}" : "")}", ExitCode.Failed);
        }
        catch (NpgsqlException e)
        {
            return Program.Fail($"the server cannot be used: {e.InnerException?.Message ?? e.Message}; check the URL and that it runs", ExitCode.Failed);
        }
        catch (Exception e) when (e is ServerException or EngineFilesException or MigrationException or CopyException or IOException or UnauthorizedAccessException)
        {
            return Program.Fail(e.Message, ExitCode.Failed);
        }
    }

    /// <summary>The exit code for a cluster that cannot start.</summary>
    public static int CodeOf(ClusterError error) => error switch
    {
        ClusterError.PortInUse or ClusterError.AddressUnavailable => ExitCode.AddressUnavailable,
        ClusterError.DirectoryNotAccessible or ClusterError.ForeignDirectory or ClusterError.DirectoryInUse => ExitCode.DirectoryUnusable,
        ClusterError.WrongVersion => ExitCode.WrongVersion,
        _ => ExitCode.ServerFailed,
    };

    /// <summary>The exit code for a cluster in a bucket that cannot be opened or was lost; null if the exception says something else.</summary>
    /// <remarks>Takes any exception, and is not inlined: whoever has a catch of <see cref="BucketException"/> loads what buckets need, even if nothing is thrown.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int? CodeOfBucket(Exception e) => (e as BucketException)?.Error switch
    {
        null => null,
        BucketError.InUse or BucketError.Missing => ExitCode.DirectoryUnusable,
        BucketError.Damaged => ExitCode.WrongVersion,
        BucketError.Fenced => ExitCode.Fenced,
        _ => ExitCode.ServerFailed,
    };
}
