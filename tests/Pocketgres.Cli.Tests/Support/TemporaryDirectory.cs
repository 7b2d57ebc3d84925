namespace Pocketgres.Cli.Tests.Support;

/// <summary>A directory that goes with its user.</summary>
internal sealed class TemporaryDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("pgcli-").FullName;

    public string Below(params string[] names) => System.IO.Path.Combine([Path, .. names]);

    /// <summary>Writes a file, and the directories above it.</summary>
    public string Write(string name, string text)
    {
        string path = Below(name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
