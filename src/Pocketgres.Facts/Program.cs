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

    using var facts = new StringWriter { NewLine = "\n" };
    collector.Write(facts);
    string text = facts.ToString();

    // What is made of the same facts is not to be made again.
    if (!File.Exists(args[1]) || await File.ReadAllTextAsync(args[1]) != text)
    {
        // Whole or not at all: a build that is interrupted leaves no half file that looks like one.
        string temporary = args[1] + ".tmp";
        await File.WriteAllTextAsync(temporary, text, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        File.Move(temporary, args[1], overwrite: true);
    }

    return 0;
}
catch (Exception e) when (e is FactsException or IOException or UnauthorizedAccessException or OverflowException or ArgumentOutOfRangeException)
{
    Console.Error.WriteLine($"pocketgres-facts: {args[0]}: {e.Message}");
    return 1;
}
