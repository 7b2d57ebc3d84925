namespace Pocketgres.Durability.Tests.Backups;

/// <summary>What a bad disk does to a file.</summary>
static class Damage
{
    /// <summary>Turns over one bit of the byte at <paramref name="offset"/>.</summary>
    public static void Flip(string path, long offset)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = offset;
        int value = file.ReadByte();
        file.Position = offset;
        file.WriteByte((byte)(value ^ 0x40));
    }
}
