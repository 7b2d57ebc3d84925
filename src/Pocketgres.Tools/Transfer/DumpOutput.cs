using System.Globalization;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;

namespace Pocketgres.Transfer;

/// <summary>Where a dump goes: under another name until it is whole, so that nothing half made has the name that was asked for, and an older dump stays until then.</summary>
internal sealed class DumpOutput : IDisposable
{
    private readonly string _target;
    private bool _isDone;

    private DumpOutput(string target, string path) => (_target, Path) = (target, path);

    /// <summary>What the program writes.</summary>
    public string Path { get; }

    /// <summary>Bytes written so far.</summary>
    public long Length => Directory.Exists(Path)
        ? new DirectoryInfo(Path).EnumerateFiles().Sum(f => f.Length)
        : File.Exists(Path) ? new FileInfo(Path).Length : 0;

    /// <summary>Prepares it.</summary>
    /// <param name="file">The name that was asked for.</param>
    /// <param name="isDirectory">Whether the format is a directory.</param>
    /// <exception cref="DumpException">Something is there that is not a dump's to replace, or there is no such place.</exception>
    public static DumpOutput Create(string file, bool isDirectory)
    {
        string full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(file));
        if (File.Exists(full))
        {
            full = File.ResolveLinkTarget(full, returnFinalTarget: true)?.FullName ?? full;
        }

        if (Directory.Exists(full) && (!isDirectory || Directory.EnumerateFileSystemEntries(full).Any()))
        {
            throw new DumpException(isDirectory ? $"{file} is not empty: choose a directory that is new or empty" : $"{file} is a directory: name a file, or choose the format directory (-Fd)");
        }

        if (isDirectory && File.Exists(full))
        {
            throw new DumpException($"{file} is a file, and this format makes a directory: choose another name");
        }

        if (!Directory.Exists(System.IO.Path.GetDirectoryName(full)))
        {
            throw new DumpException($"{file} cannot be made: there is no directory {System.IO.Path.GetDirectoryName(full)}");
        }

        // Devices and pipes are written to as they are.
        return new DumpOutput(full, !File.Exists(full) || IsRegular(full) ? string.Create(CultureInfo.InvariantCulture, $"{full}.{Environment.ProcessId}.unfinished") : full);
    }

    /// <summary>Gives it its name, durably.</summary>
    /// <exception cref="IOException">That failed.</exception>
    public void Finish()
    {
        if (Path != _target)
        {
            if (Directory.Exists(_target))
            {
                Directory.Delete(_target); // empty
            }

            if (Directory.Exists(Path))
            {
                Directory.Move(Path, _target);
            }
            else
            {
                File.Move(Path, _target, overwrite: true);
            }

            FileTree.Sync(new HostFileSystem("/"), System.IO.Path.GetDirectoryName(_target)!);
        }

        _isDone = true;
    }

    /// <summary>Removes what is not whole.</summary>
    public void Dispose()
    {
        if (_isDone || Path == _target)
        {
            return;
        }

        if (Directory.Exists(Path))
        {
            Directory.Delete(Path, recursive: true);
        }
        else
        {
            File.Delete(Path);
        }
    }

    private static bool IsRegular(string path) => new HostFileSystem("/").Stat(path, followLink: true, out var status) == Errno.None && status.IsRegular;
}
