using Pocketgres.Kernel.Programs;

namespace Pocketgres.Kernel.Tests;

public class InstalledFileTests
{
    [Fact]
    public void WhatIsCutIsSaid()
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, [1, 2, 3, 4, 5]);
            var file = new InstalledFile(path);
            byte[] bytes = new byte[3];
            file.Read(2, bytes);
            Assert.Equal([3, 4, 5], bytes);
            Assert.Contains(path, Assert.Throws<InvalidDataException>(() => file.Read(3, bytes)).Message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }
}
