using System.Collections;
using Pocketgres.Engine.Pg;
using Pocketgres.Installation;
using Pocketgres.Kernel;
using Pocketgres.Kernel.Files;
using Process = Pocketgres.Kernel.Process;

namespace Pocketgres.Engine.Shell;

/// <summary>
/// One of PostgreSQL's programs, run for the user of the .NET process as the user's shell would: on a kernel of its own that sees the host's files, terminal, environment,
/// user, time zone and network.
/// </summary>
public sealed class UserProgram : IDisposable
{
    private readonly PosixKernel _kernel;
    private readonly Process _process;
    private volatile Exception? _crash;

    private UserProgram(EngineFiles engine, string name, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?> variables, string? log)
    {
        var programs = new EnginePrograms(engine, ofUser: true);
        var host = new HostFileSystem("/");
        var mounts = new MountTable();
        mounts.Mount("/", host);
        mounts.Mount(EngineArtifacts.MountPoint, engine.Installation());
        var options = new KernelOptions
        {
            Threads = engine.Threads, HostServices = true, Umask = HostFileSystem.HostUmask, FirstPid = Environment.ProcessId, Crashed = (_, e) => _crash = e,
        };
        _kernel = new PosixKernel(options, mounts);
        string path = EnginePrograms.PathOf(name);
        try
        {
            _process = _kernel.Spawn(programs.Find(path)!, [path, .. arguments], HostEnvironment(name, variables), Environment.CurrentDirectory, name,
                files: log is null ? host.InheritedDescriptors() : DescriptorsOf(host, log), tag: PostgresProcess.Master(programs));
        }
        catch
        {
            _kernel.Dispose();
            throw;
        }
    }

    /// <summary>Starts a program.</summary>
    /// <param name="engine">The engine's files.</param>
    /// <param name="name">One of <see cref="EngineFiles.ProgramNames"/>.</param>
    /// <param name="arguments">Its arguments, without its own name.</param>
    /// <param name="variables">What its environment has instead of this process's; null removes a variable.</param>
    /// <param name="log">A file to which its standard output and error go, while its standard input is empty; null for those of this process.</param>
    public static UserProgram Start(EngineFiles engine, string name, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? variables = null, string? log = null)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(arguments);
        return new UserProgram(engine, name, arguments, variables ?? new Dictionary<string, string?>(), log);
    }

    /// <summary>Passes a signal on to the program and to the processes that it has started, as a terminal does. Any thread.</summary>
    public void Signal(int number)
    {
        foreach (var process in _kernel.Processes.Snapshot())
        {
            process.Post(number);
        }
    }

    /// <summary>Waits for the program's end.</summary>
    /// <returns>Its status as waitpid(2) encodes it: exit code * 256, or the number of the signal that ended it.</returns>
    /// <exception cref="InvalidOperationException">It has crashed; the message says how.</exception>
    public int Wait()
    {
        int status = _process.Exited.GetAwaiter().GetResult();
        return _crash is { } crash ? throw new InvalidOperationException($"{_process.Title} has crashed: {crash}", crash) : status;
    }

    /// <inheritdoc/>
    public void Dispose() => _kernel.Dispose();

    private static FileDescriptorTable DescriptorsOf(HostFileSystem host, string log)
    {
        var table = new FileDescriptorTable();
        foreach (var (path, flags) in ((string, OpenFlags)[])[("/dev/null", OpenFlags.ReadOnly), (log, OpenFlags.WriteOnly | OpenFlags.Append), (log, OpenFlags.WriteOnly | OpenFlags.Append)])
        {
            FileSystemException.ThrowIf(host.Open(path, flags, 0, out var file), "open", path);
            table.Add(file!);
        }

        return table;
    }

    private static List<string> HostEnvironment(string program, IReadOnlyDictionary<string, string?> variables)
    {
        var list = new List<string>();
        foreach (DictionaryEntry variable in Environment.GetEnvironmentVariables())
        {
            if (!variables.ContainsKey((string)variable.Key))
            {
                list.Add($"{variable.Key}={variable.Value}");
            }
        }

        list.AddRange(variables.Where(v => v.Value is not null).Select(v => $"{v.Key}={v.Value}"));

        // The C library of the server has no other locales than these: what initdb finds in the environment would become the new cluster's.
        if (program == "initdb" && UserLocale() is not ("" or "C" or "POSIX" or "C.UTF-8" or "C.utf8"))
        {
            list.RemoveAll(v => v.StartsWith("LC_", StringComparison.Ordinal) || v.StartsWith("LANG=", StringComparison.Ordinal));
            list.Add("LC_ALL=C.UTF-8");
        }

        return list;
    }

    private static string UserLocale() =>
        ((string[])["LC_ALL", "LC_CTYPE", "LANG"]).Select(Environment.GetEnvironmentVariable).FirstOrDefault(v => !string.IsNullOrEmpty(v)) ?? "";
}
