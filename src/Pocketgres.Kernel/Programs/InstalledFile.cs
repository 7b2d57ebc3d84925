using Microsoft.Win32.SafeHandles;

namespace Pocketgres.Kernel.Programs;

/// <summary>A file of the installation of which little is needed: it stays open, as long as the .NET process lives like the code beside it, and what somebody asks for is read. It takes no memory.</summary>
internal sealed class InstalledFile
{
    private readonly string _path;
    private readonly SafeFileHandle _file;

    /// <exception cref="IOException">It cannot be opened.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be read.</exception>
    public InstalledFile(string path)
    {
        _path = path;
        _file = File.OpenHandle(path);
    }

    /// <summary>Reads bytes at an offset.</summary>
    /// <exception cref="InvalidDataException">The file ends before.</exception>
    public void Read(long offset, Span<byte> into)
    {
        while (!into.IsEmpty)
        {
            int n = RandomAccess.Read(_file, into, offset);
            if (n <= 0)
            {
                throw new InvalidDataException($"{_path} is cut: install it again");
            }

            into = into[n..];
            offset += n;
        }
    }
}
