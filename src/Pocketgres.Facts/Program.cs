using System.Text;
using Pocketgres.Facts;

if (args.Length != 2)
{
    Console.Error.WriteLine("usage: pocketgres-facts MODULE.wasm FACTS");
    return 2;
}

try
{
    var collector = new FactsCollector();
    foreach (var unit in new DwarfReader(WasmSections.Read(await File.ReadAllBytesAsync(args[0]))).Units())
    {
        collector.Add(unit);
    }

    // Whole or not at all: a build that is interrupted leaves no half file that looks like one.
    string temporary = args[1] + ".tmp";
    await using (var writer = new StreamWriter(temporary, append: false, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)))
    {
        collector.Write(writer);
    }

    File.Move(temporary, args[1], overwrite: true);
    return 0;
}
catch (Exception e) when (e is FactsException or IOException or UnauthorizedAccessException or OverflowException or ArgumentOutOfRangeException)
{
    Console.Error.WriteLine($"pocketgres-facts: {args[0]}: {e.Message}");
    return 1;
}
