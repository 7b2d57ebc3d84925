using System.Security.Cryptography;

namespace Pocketgres.ObjectStore;

/// <summary>Finds out whether a store can hold a cluster: some take a create for a put and overwrite, which would lose commits.</summary>
internal static class StoreProbe
{
    /// <summary>Creates one key twice, reads it and removes it.</summary>
    /// <param name="store">The store.</param>
    /// <param name="prefix">Where, with a slash at its end.</param>
    /// <param name="cancellationToken">Cancels.</param>
    /// <exception cref="ObjectStoreException">It cannot; the message says what it did.</exception>
    public static async Task RunAsync(IObjectStore store, string prefix, CancellationToken cancellationToken = default)
    {
        byte[] first = RandomNumberGenerator.GetBytes(32), second = RandomNumberGenerator.GetBytes(32);
        string key = $"{prefix}probe/{Convert.ToHexStringLower(first.AsSpan(0, 16))}";
        if (!await store.CreateAsync(key, first, cancellationToken).ConfigureAwait(false))
        {
            throw Refuse(store, "says that an object exists which nobody has made");
        }

        try
        {
            if (await store.CreateAsync(key, second, cancellationToken).ConfigureAwait(false))
            {
                throw Refuse(store, "overwrites an object although it was asked to create it only if there is none (If-None-Match: *)");
            }

            var found = await store.GetAsync(key, null, cancellationToken).ConfigureAwait(false);
            if (found is null || !found.Content.AsSpan().SequenceEqual(first))
            {
                throw Refuse(store, "does not return what was written");
            }

            var part = await store.GetAsync(key, new ByteRange(8, 16), cancellationToken).ConfigureAwait(false);
            if (part is null || !part.Content.AsSpan().SequenceEqual(first.AsSpan(8, 16)))
            {
                throw Refuse(store, "does not return the part of an object that was asked for (Range)");
            }
        }
        finally
        {
            await store.DeleteAsync(key, cancellationToken).ConfigureAwait(false);
        }
    }

    private static ObjectStoreException Refuse(IObjectStore store, string what) =>
        new(ObjectStoreError.Unsupported, $"{store.Name} {what}: a cluster there would lose commits; use a store with conditional writes (docs/object-store.md)");
}
