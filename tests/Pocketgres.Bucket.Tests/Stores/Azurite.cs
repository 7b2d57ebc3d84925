using System.Diagnostics;
using System.Globalization;
using Azure.Storage.Blobs;
using Pocketgres.ObjectStore.AzureBlob;
using Pocketgres.Server.Tests.Infrastructure;

namespace Pocketgres.Bucket.Tests.Stores;

/// <summary>Azure's own emulator of Blob Storage: one process for all tests, which ends with this one.</summary>
static class Azurite
{
    // Published by Azure: that of every emulator.
    public const string Account = "devstoreaccount1", Key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    static readonly Lazy<string> s_authority = new(Start);
    static Process? s_process; // whose standard input would be closed if it were collected
    static int s_containers;

    /// <summary>The account's address.</summary>
    public static string Endpoint => $"{s_authority.Value}/{Account}";

    /// <summary>The environment of a program that is to use it.</summary>
    public static IReadOnlyDictionary<string, string> Variables { get; } = new Dictionary<string, string> { ["AZURE_STORAGE_KEY"] = Key };

    /// <summary>Makes an empty container.</summary>
    public static string NewContainer()
    {
        string name = string.Create(CultureInfo.InvariantCulture, $"container-{Interlocked.Increment(ref s_containers)}");
        Container(name).Create();
        return name;
    }

    /// <summary>The store that is tested.</summary>
    public static AzureObjectStore Open(string container, int pageEntries = 5000) => new(container, null, new Uri(Endpoint), Variables.GetValueOrDefault) { PageEntries = pageEntries };

    /// <summary>Azure's own client.</summary>
    public static BlobContainerClient Container(string name) =>
        new($"AccountName={Account};AccountKey={Key};BlobEndpoint={Endpoint}", name);

    // The shell ends it when its standard input does, however this process ends.
    static string Start()
    {
        Process process = s_process = Process.Start(new ProcessStartInfo("/bin/sh",
        [
            "-c", "node \"$0\" --blobHost 127.0.0.1 --blobPort 0 --inMemoryPersistence --skipApiVersionCheck --silent --disableTelemetry </dev/null & read -r _; kill $!", Workspace.Azurite,
        ])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = Path.GetTempPath(),
        })!;
        const string Listens = "successfully listens on ";
        while (process.StandardOutput.ReadLine() is { } line)
        {
            int at = line.IndexOf(Listens, StringComparison.Ordinal);
            if (at >= 0)
            {
                _ = process.StandardOutput.ReadToEndAsync();
                return line[(at + Listens.Length)..].Trim();
            }
        }

        throw new InvalidOperationException("Azurite ended before it listened");
    }
}
