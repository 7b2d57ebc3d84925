using Pocketgres.Engine;
using Pocketgres.Engine.Data;
using Pocketgres.Kernel.Files;

if (args.Length != 2)
{
    Console.Error.WriteLine("usage: Pocketgres.Template ENGINE-DIR OUTPUT-DIR: writes template.index and template.image");
    return 2;
}

try
{
    using var files = Initdb.Run(new EngineFiles(args[0]), out _);
    var writer = new FileSystemImageWriter();
    writer.AddTree(files, Initdb.DataDirectoryInResult);
    writer.Save(Path.Combine(args[1], "template.index"), Path.Combine(args[1], "template.image"));
    return 0;
}
catch (InvalidOperationException e)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}
