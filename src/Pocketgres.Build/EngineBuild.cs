using System.Diagnostics;
using System.Security.Cryptography;
using Pocketgres.Build.Inputs;
using Pocketgres.Build.Modules;
using Pocketgres.Build.Profiles;
using Pocketgres.Build.Publishing;
using Pocketgres.Build.ReadyToRun;
using Pocketgres.Installation;
using Pocketgres.Installation.Extensions;
using Pocketgres.Kernel.Files;
using Pocketgres.Wasm;

namespace Pocketgres.Build;

/// <summary>The steps from the compiled modules to the artifacts directory, each also a command of its own.</summary>
internal sealed class EngineBuild(BuildOptions options, TextWriter log)
{
    private string EngineDirectory => Path.Combine(options.Artifacts, "engine");

    private CrossGenOptions CrossGenOptions => new()
    {
        PackageDirectory = options.CrossGen!,
        FrameworkDirectory = options.Framework,
        RuntimeIdentifier = options.RuntimeIdentifier,
        InstructionSet = options.InstructionSet,
        Parallelism = options.Jobs,
    };

    private ReadyToRunCache ReadyToRunCache => new(Path.Combine(EngineDirectory, ".r2r"), CrossGenOptions, log);

    private PostgresInput Input => new(options.Postgres!, options.Extensions);

    /// <summary>Translates to IL.</summary>
    public void Translate(string directory)
    {
        Directory.CreateDirectory(directory);
        NewTranslation(new CacheKey()).Run(directory);
    }

    /// <summary>
    /// Compiles a directory's IL assemblies, with a profile if a training program is given: then the images must be there, and the assemblies are translated again,
    /// for what the profile shows to be hot.
    /// </summary>
    public void CompileReadyToRun(string directory) => CompileReadyToRun(directory, NewTranslation(new CacheKey()));

    /// <summary>Writes the file system images.</summary>
    public void WriteImages(string directory)
    {
        Directory.CreateDirectory(directory);
        Input.WriteSupport(directory, ExtensionCatalog.Load());
        WriteTemplate(directory);
    }

    /// <summary>Everything. Returns the directory with the artifacts.</summary>
    public string All()
    {
        var clock = Stopwatch.StartNew();
        var input = Input;
        var hostFunctions = LoadHostFunctions();
        var key = KeyOf(input, hostFunctions);
        var store = new ArtifactStore(EngineDirectory);
        bool existed = store.Contains(key.Value);
        string directory = store.GetOrAdd(key.Value, partial =>
        {
            var translation = new EngineTranslation(input, hostFunctions, key, options.Variant, log);
            translation.Run(partial);
            input.WriteSupport(partial, ExtensionCatalog.Load());
            // A profile is made on a cluster that comes from the template; without one, native code makes the template ten times faster.
            bool isTrained = options.Training is not null;
            if (isTrained || !options.ReadyToRun)
            {
                WriteTemplate(partial);
            }

            if (options.ReadyToRun)
            {
                CompileReadyToRun(partial, translation);
            }

            if (options.ReadyToRun && !isTrained)
            {
                WriteTemplate(partial);
            }
        });
        if (!existed)
        {
            var kept = store.Prune();
            if (options.ReadyToRun)
            {
                ReadyToRunCache.Prune(kept);
            }

            log.WriteLine($"engine {key.Value}: {clock.ElapsedMilliseconds:N0} ms");
        }

        if (options.Stamp is { } stamp)
        {
            File.WriteAllText(stamp, directory + Environment.NewLine);
        }

        return directory;
    }

    private EngineTranslation NewTranslation(CacheKey key) => new(Input, LoadHostFunctions(), key, options.Variant, log);

    private void CompileReadyToRun(string directory, EngineTranslation translation)
    {
        var profiles = Directory.CreateTempSubdirectory("pocketgres-profiles-");
        try
        {
            if (options.Training is { } program)
            {
                var training = new ProfileStore(Path.Combine(EngineDirectory, ".profiles"), log).GetOrMake(directory, program, options.TrainingKey, blocks => translation.RunSparing(blocks, directory));
                translation.RunInlining(training.Blocks, directory);
                int methods = ProfileAssembly.WriteAll(directory, training.Edges, profiles.FullName);
                log.WriteLine($"profile: {methods:N0} methods");
            }

            var clock = Stopwatch.StartNew();
            var (compiled, reused) = ReadyToRunCache.CompileAll(directory, options.HostAssemblies, profiles.FullName, Input.LeftAsIL);
            log.WriteLine($"r2r: {compiled} compiled, {reused} from the cache, {clock.ElapsedMilliseconds:N0} ms");
        }
        finally
        {
            profiles.Delete(recursive: true);
        }
    }

    private HostFunctions LoadHostFunctions()
    {
        try
        {
            return HostFunctions.Load(options.HostAssemblies);
        }
        catch (Exception e) when (e is TranslationException or IOException)
        {
            throw new BuildException(e.Message, e);
        }
    }

    private CacheKey KeyOf(PostgresInput input, HostFunctions hostFunctions)
    {
        var key = new CacheKey();
        input.AddTo(key);

        // The translator, the patches and constants, and this tool. Builds are deterministic: equal sources are equal bytes.
        foreach (var type in (Type[])[typeof(ModuleTranslator), typeof(EngineArtifacts), typeof(EngineBuild)])
        {
            key.AddFile(type.Assembly.GetName().Name!, type.Assembly.Location);
        }

        // The kernel is here for the format of file system images only; what it executes is no input.
        key.Add("support image", SupportImageHash());
        key.Add("host functions", hostFunctions.Fingerprint);
        key.Add("code", options.ReadyToRun ? CrossGenOptions.Identity : "IL");
        key.Add("variant", options.Variant == CodeVariant.None ? "none" : options.Variant.ToString());
        key.Add("template", options.Template is null ? "none" : options.TemplateKey);
        key.Add("profile", options.Training is null ? "none" : options.TrainingKey);
        return key;
    }

    private static string SupportImageHash()
    {
        string temporary = Directory.CreateTempSubdirectory("pocketgres-image-").FullName;
        try
        {
            var writer = new FileSystemImageWriter();
            writer.AddFile("/probe", 0, "probe"u8.ToArray());
            string index = Path.Combine(temporary, EngineArtifacts.SupportIndex);
            writer.Save(index, Path.Combine(temporary, EngineArtifacts.SupportImage));
            return Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(index)));
        }
        finally
        {
            Directory.Delete(temporary, recursive: true);
        }
    }

    // Making the template means running initdb on the translated engine.
    private void WriteTemplate(string directory)
    {
        if (options.Template is not { } program)
        {
            return;
        }

        var clock = Stopwatch.StartNew();
        EngineProgram.Run(program, [directory, directory]);
        string image = Path.Combine(directory, EngineArtifacts.TemplateImage);
        if (!File.Exists(image))
        {
            throw new BuildException($"{program} made no {image}");
        }

        log.WriteLine($"template: {clock.ElapsedMilliseconds:N0} ms");
    }
}
