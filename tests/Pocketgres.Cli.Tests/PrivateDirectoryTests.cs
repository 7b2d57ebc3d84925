using Pocketgres.Server;

namespace Pocketgres.Cli.Tests;

/// <summary>Directories for sockets, made while others look for left-overs.</summary>
public sealed class PrivateDirectoryTests
{
    [Fact]
    public async Task Nobody_takes_a_directory_that_is_just_being_made_for_a_leftover()
    {
        using var made = new CancellationTokenSource();
        var cleaners = Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            while (!made.IsCancellationRequested)
            {
                PrivateDirectory.RemoveLeftovers();
            }
        })).ToList();
        for (int i = 0; i < 1000; i++)
        {
            using var directory = PrivateDirectory.Create();
            Assert.True(File.Exists(Path.Combine(directory.Path, "lock")), $"number {i} is gone");
        }

        await made.CancelAsync();
        await Task.WhenAll(cleaners);
    }
}
