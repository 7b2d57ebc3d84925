using Pocketgres.Build.Images;

namespace Pocketgres.Build.Tests;

public class SparseFileTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(SparseFile.Block)]
    [InlineData((3 * SparseFile.Block) + 17)]
    [InlineData(SparseFile.Alignment + 1)]
    public void Content_is_kept_and_the_length_is_whole_pages(int length)
    {
        var content = new byte[length];
        for (int i = 0; i < length; i++)
        {
            // Every other block is zero, and so is the start of the others.
            content[i] = (byte)(i / SparseFile.Block % 2 == 0 && i % SparseFile.Block > 100 ? i % 251 : 0);
        }

        using var directory = new TemporaryDirectory();
        SparseFile.Write(directory["image"], content);
        byte[] written = File.ReadAllBytes(directory["image"]);
        Assert.Equal(0, written.Length % SparseFile.Alignment);
        Assert.InRange(written.Length, length, length + SparseFile.Alignment - 1);
        Assert.True(written.AsSpan(0, length).SequenceEqual(content));
        Assert.False(written.AsSpan(length).ContainsAnyExcept((byte)0));
    }
}
