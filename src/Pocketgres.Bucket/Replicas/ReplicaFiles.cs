using Pocketgres.Bucket.Files;
using Pocketgres.Bucket.Formats;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Bucket.Replicas;

/// <summary>The data directory of a replica: a standby's, into whose pg_wal the writer's log is written while it runs.</summary>
/// <param name="files">The files.</param>
internal sealed class ReplicaFiles(BucketFileSystem files)
{
    private const string StandbySignal = "/standby.signal", Slots = "/pg_replslot", SlotsBelow = Slots + "/";
    private const int Private = 0x180, SegmentsAhead = 2;

    private string? _prepared;
    private bool _hasLog;

    /// <summary>Called when a file with settings was changed.</summary>
    public Action? SettingsChanged { get; set; }

    /// <summary>Makes the change that a record tells of, of those that are a standby's too.</summary>
    /// <param name="part">The change.</param>
    /// <param name="end">The position in the log at which what is written ends; what lies behind is left out.</param>
    /// <exception cref="FileSystemException">It cannot be made.</exception>
    public void Apply(LogPart part, ulong end = ulong.MaxValue)
    {
        if (part is LogPart.Bytes bytes)
        {
            _hasLog = true;
            MakeSegments(bytes);
            files.Apply(bytes.Before(end));
            return;
        }

        string path = part switch
        {
            LogPart.Whole whole => whole.Path,
            LogPart.Removed removed => removed.Path,
            LogPart.Renamed renamed => renamed.To,
            LogPart.Made made => made.Path,
            _ => "",
        };

        // Slots and signals are the writer's own; of what logical decoding keeps, a standby uses nothing.
        if (!path.StartsWith(SlotsBelow, StringComparison.Ordinal) && !path.StartsWith("/pg_logical/", StringComparison.Ordinal) && !path.EndsWith(".signal", StringComparison.Ordinal))
        {
            files.Apply(part);
            if (path.EndsWith(".conf", StringComparison.Ordinal))
            {
                SettingsChanged?.Invoke();
            }
        }
    }

    /// <summary>What makes a server on it a standby, once everything is there that is known at the start.</summary>
    /// <exception cref="DamagedObjectException">The control file is damaged.</exception>
    public void BecomeStandby(Manifest manifest)
    {
        foreach (var slot in FileTree.List(files, Slots))
        {
            FileTree.Remove(files, FileTree.Combine(Slots, slot.Name));
        }

        FileTree.WriteAll(files, StandbySignal, [], Private, sync: false);
        string path = "/" + ControlFile.Name;
        var control = ControlFile.Parse(FileTree.ReadAll(files, path, ControlFile.FileSize));
        if (!control.IsIntact)
        {
            throw new DamagedObjectException(Keys.Manifest(manifest.Sequence), $"has a damaged {ControlFile.Name}");
        }

        if (_hasLog && control.State == ClusterState.ShutDown)
        {
            control.SetInProduction();
            FileTree.WriteAll(files, path, control.Bytes, Private, sync: false);
        }

        files.IsStandby = true;
    }

    // Postgres makes the next segment itself when it is not there, by a rename, which would replace one that has come meanwhile.
    private void MakeSegments(LogPart.Bytes bytes)
    {
        if (bytes.Path == _prepared)
        {
            return;
        }

        ulong segment = StatePaths.WalPosition(bytes.Path);
        uint timeline = StatePaths.WalTimeline(bytes.Path);
        for (uint i = 0; i <= SegmentsAhead; i++)
        {
            string path = StatePaths.WalSegment(timeline, segment + ((ulong)i * StatePaths.SegmentSize));
            FileSystemException.ThrowIf(files.Open(path, OpenFlags.ReadWrite | OpenFlags.Create, Private, out var file), "create", path);
            file!.Allocate(0, StatePaths.SegmentSize);
            file.Release();
        }

        _prepared = bytes.Path;
    }
}
