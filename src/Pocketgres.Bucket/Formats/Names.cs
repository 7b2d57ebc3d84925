using System.Runtime.InteropServices;

namespace Pocketgres.Bucket.Formats;

/// <summary>Names of files in objects: their UTF-16 as it is, because a name that is no UTF-8 has lone surrogates (PathEncoding), which encodings replace.</summary>
internal static class Names
{
    /// <summary>Appends a name.</summary>
    public static void WriteName(this BinaryWriter writer, string name)
    {
        writer.Write7BitEncodedInt(name.Length);
        writer.Write(MemoryMarshal.AsBytes(name.AsSpan()));
    }

    /// <summary>Reads a name.</summary>
    /// <exception cref="InvalidDataException">Its length makes no sense.</exception>
    public static string ReadName(this BinaryReader reader)
    {
        int length = reader.Read7BitEncodedInt();
        byte[] bytes = length is >= 0 and <= 4096 ? reader.ReadBytes(2 * length) : [];
        return bytes.Length == 2 * length ? new string(MemoryMarshal.Cast<byte, char>(bytes)) : throw new InvalidDataException("name");
    }
}
