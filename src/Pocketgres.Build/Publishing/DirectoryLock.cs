namespace Pocketgres.Build.Publishing;

/// <summary>
/// One build at a time in a directory, also across processes: MSBuild may run this tool for several configurations at once. The lock is an
/// exclusively opened file, so it goes with its process however that ends.
/// </summary>
internal sealed class DirectoryLock : IDisposable
{
    private readonly FileStream file;

    private DirectoryLock(FileStream file) => this.file = file;

    /// <summary>Waits for the directory's lock.</summary>
    /// <exception cref="BuildException">Another build kept it for ten minutes.</exception>
    public static DirectoryLock Acquire(string directory)
    {
        Directory.CreateDirectory(directory);
        string path = Path.Combine(directory, ".lock");
        long end = Environment.TickCount64 + (long)TimeSpan.FromMinutes(10).TotalMilliseconds;
        while (true)
        {
            try
            {
                return new DirectoryLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
            }
            catch (IOException) when (Environment.TickCount64 < end)
            {
                Thread.Sleep(50);
            }
            catch (IOException e)
            {
                throw new BuildException($"another build has held {path} for ten minutes", e);
            }
        }
    }

    public void Dispose() => file.Dispose();
}
