using System.Diagnostics;
using System.Globalization;

namespace Pocketgres.Build.ReadyToRun;

/// <summary>Runs crossgen2: IL assemblies in, ReadyToRun assemblies (IL plus native code) out.</summary>
internal sealed class CrossGen(CrossGenOptions options, TextWriter log)
{
    // Compilations shorter than this are not worth a line.
    private const int LogFrom = 1000;

    /// <summary>Compiles assemblies, each on its own (no code of one is inlined into another, so that they can be replaced one by one).</summary>
    /// <param name="inputs">IL assemblies, of different names.</param>
    /// <param name="references">Assemblies they refer to beside the framework.</param>
    /// <param name="profiles">Directory with profiles, see <see cref="ProfileOf"/>; null for none.</param>
    /// <param name="outputDirectory">Gets a file of the same name for each input.</param>
    /// <exception cref="BuildException">The compiler is missing or fails.</exception>
    public void Compile(IReadOnlyCollection<string> inputs, IEnumerable<string> references, string? profiles, string outputDirectory)
    {
        if (!File.Exists(options.Executable))
        {
            throw new BuildException($"crossgen2 is missing: {options.Executable}; restore the solution, or build with --no-r2r");
        }

        if (!File.Exists(Path.Combine(options.FrameworkDirectory, "System.Private.CoreLib.dll")))
        {
            throw new BuildException($"no .NET framework at {options.FrameworkDirectory}; name it with --framework");
        }

        string work = Directory.CreateDirectory(Path.Combine(outputDirectory, ".crossgen")).FullName;
        string[] all = [.. references];
        void Run(string input, int threads) =>
            CompileOne(input, all.Where(r => r != input), ProfileOf(input, profiles), Path.Combine(outputDirectory, Path.GetFileName(input)), work, threads);

        // The server program is most of the work: it gets all threads. Of the others, each gets one and several run at a time.
        string[] bySize = [.. inputs.OrderByDescending(i => new FileInfo(i).Length)];
        foreach (string input in bySize.Take(1))
        {
            Run(input, options.Parallelism);
        }

        try
        {
            Parallel.ForEach(bySize.Skip(1), new ParallelOptions { MaxDegreeOfParallelism = options.Parallelism }, input => Run(input, 1));
        }
        catch (AggregateException e) when (e.InnerExceptions.OfType<BuildException>().FirstOrDefault() is { } first)
        {
            throw new BuildException(first.Message, e);
        }

        Directory.Delete(work, recursive: true);
    }

    /// <summary>The profile of an assembly in a directory of profiles, or null: most assemblies have none.</summary>
    public static string? ProfileOf(string assembly, string? profiles)
    {
        string? path = profiles is null ? null : Path.Combine(profiles, Path.ChangeExtension(Path.GetFileName(assembly), ".mibc"));
        return File.Exists(path) ? path : null;
    }

    private void CompileOne(string input, IEnumerable<string> references, string? profile, string output, string work, int threads)
    {
        var clock = Stopwatch.StartNew();
        string response = Path.Combine(work, Path.GetFileName(input) + ".rsp");
        File.WriteAllLines(response, ResponseFile(input, references, profile, output, threads));
        var start = new ProcessStartInfo(options.Executable) { ArgumentList = { "@" + response }, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        string text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            string detail = string.Join("; ", (text + error.Result).Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Take(5));
            throw new BuildException($"crossgen2 failed on {Path.GetFileName(input)} with exit code {process.ExitCode}: {detail}");
        }

        if (clock.ElapsedMilliseconds >= LogFrom)
        {
            log.WriteLine(
                $"  r2r {Path.GetFileName(input)}: {new FileInfo(input).Length:N0} -> {new FileInfo(output).Length:N0} bytes, " +
                $"{clock.ElapsedMilliseconds:N0} ms");
        }
    }

    private IEnumerable<string> ResponseFile(string input, IEnumerable<string> references, string? profile, string output, int threads)
    {
        var (os, architecture) = options.Target;
        yield return input;
        yield return "-o:" + output;
        yield return "--targetos:" + os;
        yield return "--targetarch:" + architecture;
        yield return "-O";
        yield return "--parallelism:" + threads.ToString(CultureInfo.InvariantCulture);
        if (options.InstructionSet is { } set)
        {
            yield return "--instruction-set:" + set;
        }

        if (profile is not null)
        {
            // Embedded, it also serves the code that is compiled again at run time because it runs often.
            yield return "--mibc:" + profile;
            yield return "--embed-pgo-data";
        }

        foreach (string reference in references.Append(Path.Combine(options.FrameworkDirectory, "*.dll")))
        {
            yield return "-r:" + reference;
        }
    }
}
