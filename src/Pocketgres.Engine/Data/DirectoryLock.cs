using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Pocketgres.Engine.Data;

/// <summary>
/// The lock against a second opener of a data directory: flock(2), which the system releases on any death of the holder. It belongs to the
/// open file description, so that it also excludes another cluster of the same process, and to the inode, so that neither other paths to the
/// directory (links, bind mounts, a volume in another container) nor renaming it get around it.
/// </summary>
/// <remarks>
/// Two inodes are locked. The directory itself: nothing can be deleted to break that lock, and nothing of it is copied. And the file
/// <c>pocketgres.lock</c> in it, which holds the holder's name, and which does the work on file systems that lock no directories (NFS, where
/// the lock then also holds between machines). What the file says means nothing unless it is locked.
/// </remarks>
internal sealed partial class DirectoryLock : IDisposable
{
    /// <summary>Name of the file in the data directory.</summary>
    public const string Name = "pocketgres.lock";

    private const int LockExclusive = 2, LockNonBlocking = 4;
    private const int EWouldBlock = 11;
    private const int OpenDirectory = 0x10000, OpenDirectoryArm = 0x4000, CloseOnExec = 0x80000, ReadWrite = 2, Create = 0x40;
    private static readonly TimeSpan s_patienceForName = TimeSpan.FromMilliseconds(200);

    private readonly SafeFileHandle _directory;
    private FileStream? _file;

    private DirectoryLock(SafeFileHandle directory) => _directory = directory;

    /// <summary>Locks the inode of a directory; changes nothing in it.</summary>
    /// <exception cref="ClusterException">Somebody else has it locked.</exception>
    /// <exception cref="IOException">It cannot be opened.</exception>
    public static DirectoryLock Take(string path)
    {
        int flag = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? OpenDirectoryArm : OpenDirectory;
        var handle = OpenFile(path, flag | CloseOnExec, 0);
        if (Flock(handle, LockExclusive | LockNonBlocking) != 0 && Marshal.GetLastPInvokeError() == EWouldBlock)
        {
            handle.Dispose();
            throw InUse(path);
        }

        return new DirectoryLock(handle);
    }

    /// <summary>Locks the file too and writes our name into it.</summary>
    /// <exception cref="ClusterException">Somebody else has it locked, or the file system knows no locks.</exception>
    /// <exception cref="IOException">It cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">No permission.</exception>
    public void TakeFile(string path)
    {
        string name = Path.Combine(path, Name);
        var file = new FileStream(OpenFile(name, ReadWrite | Create | CloseOnExec, FileModes.Of((int)File.GetUnixFileMode(path))), FileAccess.ReadWrite, bufferSize: 0);
        if (Flock(file.SafeFileHandle, LockExclusive | LockNonBlocking) != 0)
        {
            int error = Marshal.GetLastPInvokeError();
            file.Dispose();
            throw error == EWouldBlock ? InUse(path) : new ClusterException(ClusterError.DirectoryNotAccessible,
                $"{path} is on a file system without locks ({Marshal.GetPInvokeErrorMessage(error)}): two servers could open it at once; choose another one");
        }

        _file = file;
        file.SetLength(0);
        file.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"process {Environment.ProcessId} on {Environment.MachineName} (pocketgres {EngineStamp.Version}, since {DateTime.UtcNow.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture)})\n")));
    }

    /// <summary>Releases the lock. The file stays, empty: deleting it could take a lock away from somebody who just got it.</summary>
    public void Dispose()
    {
        if (_file is { } file)
        {
            try
            {
                file.SetLength(0);
            }
            catch (IOException)
            {
                // The name of somebody who is gone does no harm.
            }

            file.Dispose();
        }

        _directory.Dispose();
    }

    private static ClusterException InUse(string path)
    {
        string holder = Holder(path);
        return new ClusterException(ClusterError.DirectoryInUse,
            $"data directory {path} is in use by {(holder.Length > 0 ? holder : "another process")}: stop that server first or choose another directory");
    }

    // The holder writes its name just after it got the lock: give it a moment.
    private static string Holder(string path)
    {
        for (long started = Environment.TickCount64; ; Thread.Sleep(10))
        {
            string text = "";
            try
            {
                using var file = new FileStream(OpenFile(Path.Combine(path, Name), CloseOnExec, 0), FileAccess.Read);
                using var reader = new StreamReader(file);
                text = reader.ReadToEnd().Trim();
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Not there yet, or not for us to read.
            }

            if (text.Length > 0 || Environment.TickCount64 - started > s_patienceForName.TotalMilliseconds)
            {
                return text;
            }
        }
    }

    // Not FileStream's own open(2): it takes a flock of its own, a shared one, whatever FileShare says.
    private static SafeFileHandle OpenFile(string path, int flags, int mode)
    {
        int fd = Open(path, flags, mode);
        return fd >= 0 ? new SafeFileHandle(fd, ownsHandle: true) : throw new IOException($"cannot open {path}: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Flock(SafeFileHandle fd, int operation);
}
