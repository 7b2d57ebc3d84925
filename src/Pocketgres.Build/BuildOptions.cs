using System.Globalization;
using System.Runtime.InteropServices;
using Pocketgres.Wasm;

namespace Pocketgres.Build;

/// <summary>The command line.</summary>
internal sealed class BuildOptions
{
    public const string Usage = """
        usage: Pocketgres.Build COMMAND [OPTION...]

        commands
          translate   translate all modules to IL assemblies            needs --output
          r2r         compile the IL assemblies of a directory in place needs --output
          images      write the file system images                      needs --output
          all         all of it into ARTIFACTS/engine/KEY, unless that exists; prints the directory

        options
          --artifacts DIR        caches and results (default: artifacts)
          --postgres DIR         what eng/engine.sh has compiled; needed
          --extensions DIR       what eng/extension.sh has compiled, a folder each; it need not be there
          --host DLL             assembly with host functions; repeatable
          --output DIR           directory of translate, r2r and images
          --stamp FILE           all: write the resulting directory's path into this file
          --crossgen DIR         unpacked package Microsoft.NETCore.App.Crossgen2.RID
          --framework DIR        framework to compile against (default: the running one)
          --rid RID              machine the code is for (default: this one)
          --instruction-set SET  instruction sets the code may assume (default: crossgen2's own)
          --jobs N               threads (default: one a processor)
          --fuzz-schedules       let threads meet at atomic instructions in many orders (eng/schedules.sh): for finding races
          --check-races          code that tells of its accesses to memory (eng/races.sh): for finding races
          --without-atomic NAME  code that is wrong: this instruction (i32.atomic.rmw.cmpxchg) as plain accesses, to see that tests notice
          --no-r2r               leave the assemblies as IL: quick to build, slow to start
          --template PROGRAM     images, all: a program's dll that makes template.image; run as `dotnet PROGRAM ENGINE-DIR OUTPUT-DIR`
          --template-key TEXT    changes when that program makes another image
          --training PROGRAM     r2r, all: compile with the profile of a program's dll; run as `dotnet PROGRAM ENGINE-DIR`, with instrumented code
          --training-key TEXT    changes when that program does something else
        """;

    private static readonly string[] Commands = ["translate", "r2r", "images", "all"];

    public string Command { get; private set; } = "";

    public string Artifacts { get; private set; } = "artifacts";

    public string? Postgres { get; private set; }

    public string? Extensions { get; private set; }

    public List<string> HostAssemblies { get; } = [];

    public string? Output { get; private set; }

    public string? Stamp { get; private set; }

    public string? CrossGen { get; private set; }

    public string Framework { get; private set; } = Path.TrimEndingDirectorySeparator(RuntimeEnvironment.GetRuntimeDirectory());

    public string RuntimeIdentifier { get; private set; } = PortableRuntimeIdentifier();

    public string? InstructionSet { get; private set; }

    public int Jobs { get; private set; } = Environment.ProcessorCount;

    public bool ReadyToRun { get; private set; } = true;

    public CodeVariant Variant { get; private set; } = CodeVariant.None;

    public string? Template { get; private set; }

    public string TemplateKey { get; private set; } = "";

    public string? Training { get; private set; }

    public string TrainingKey { get; private set; } = "";

    /// <summary>Reads the command line.</summary>
    /// <exception cref="BuildException">It does not make sense.</exception>
    public static BuildOptions Parse(IReadOnlyList<string> args)
    {
        var options = new BuildOptions();
        var rest = new Queue<string>(args);
        while (rest.TryDequeue(out string? arg))
        {
            string Value() => rest.TryDequeue(out string? value) ? value : throw new BuildException($"option {arg} needs a value");
            switch (arg)
            {
                case "--artifacts": options.Artifacts = Value(); break;
                case "--postgres": options.Postgres = Value(); break;
                case "--extensions": options.Extensions = Value(); break;
                case "--host": options.HostAssemblies.Add(Value()); break;
                case "--output": options.Output = Value(); break;
                case "--stamp": options.Stamp = Value(); break;
                case "--crossgen": options.CrossGen = Path.TrimEndingDirectorySeparator(Value()); break;
                case "--framework": options.Framework = Path.TrimEndingDirectorySeparator(Value()); break;
                case "--rid": options.RuntimeIdentifier = Value(); break;
                case "--instruction-set": options.InstructionSet = Value(); break;
                case "--jobs": options.Jobs = Number(arg, Value()); break;
                case "--fuzz-schedules": options.Variant = options.Variant with { FuzzSchedules = true }; break;
                case "--check-races": options.Variant = options.Variant with { CheckRaces = true }; break;
                case "--without-atomic": options.Variant = options.Variant with { WithoutAtomic = Value() }; break;
                case "--no-r2r": options.ReadyToRun = false; break;
                case "--template": options.Template = Value(); break;
                case "--template-key": options.TemplateKey = Value(); break;
                case "--training": options.Training = Value(); break;
                case "--training-key": options.TrainingKey = Value(); break;
                default: options.SetCommand(arg); break;
            }
        }

        options.Check();
        return options;
    }

    private void SetCommand(string arg)
    {
        if (Command.Length > 0 || !Commands.Contains(arg))
        {
            throw new BuildException($"unknown argument \"{arg}\"");
        }

        Command = arg;
    }

    private void Check()
    {
        if (Command.Length == 0)
        {
            throw new BuildException("no command: give one of " + string.Join(", ", Commands));
        }

        if (Postgres is null)
        {
            throw new BuildException($"{Command} needs --postgres, the directory that eng/engine.sh prints");
        }

        if (Output is null && Command is "translate" or "r2r" or "images")
        {
            throw new BuildException($"{Command} needs --output");
        }

        if (Training is not null && Template is null && Command == "all")
        {
            throw new BuildException("--training needs --template: the program runs on a cluster made from it");
        }

        if (CrossGen is null && (Command == "r2r" || (Command == "all" && ReadyToRun)))
        {
            throw new BuildException($"{Command} needs --crossgen, the directory of the NuGet package Microsoft.NETCore.App.Crossgen2.RID");
        }
    }

    private static int Number(string option, string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int n) && n > 0
            ? n
            : throw new BuildException($"option {option} needs a positive number, not \"{value}\"");

    private static string PortableRuntimeIdentifier()
    {
        string os = OperatingSystem.IsWindows() ? "win" : OperatingSystem.IsMacOS() ? "osx" : "linux";
        return os + "-" + (RuntimeInformation.OSArchitecture == Architecture.Arm64 ? "arm64" : "x64");
    }
}
