using System.Reflection;

namespace Pocketgres.ObjectStore;

/// <summary>A kind of store in an assembly of its own, which is loaded when a URL asks for it: who uses none of it has neither its files nor its start to pay for.</summary>
internal abstract class StoreDriver
{
    private static readonly Dictionary<string, (string Assembly, string Type)> s_known = new(StringComparer.Ordinal)
    {
        ["az"] = ("Pocketgres.ObjectStore.AzureBlob", "Pocketgres.ObjectStore.AzureBlob.AzureDriver"),
    };

    /// <summary>Opens a bucket; nothing is asked of it yet, and nothing fails.</summary>
    /// <param name="bucket">Its name.</param>
    /// <param name="parameters">Those of the URL.</param>
    /// <param name="environment">Where the variables of the store's own tools are looked up.</param>
    public abstract IObjectStore Open(string bucket, IReadOnlyDictionary<string, string> parameters, Func<string, string?> environment);

    /// <summary>The driver of a scheme; null when its assembly is not there.</summary>
    public static StoreDriver? Find(string scheme)
    {
        try
        {
            var (assembly, type) = s_known[scheme];
            return (StoreDriver)Activator.CreateInstance(Assembly.Load(assembly).GetType(type, throwOnError: true)!)!;
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    /// <summary>What to do when there is none.</summary>
    public static string Missing(string scheme) => $"{scheme}: needs the package {s_known[scheme].Assembly}, of the version of Pocketgres: add it to the program";
}
