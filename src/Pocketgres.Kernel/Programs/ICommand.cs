namespace Pocketgres.Kernel.Programs;

/// <summary>A command line that a program has started with system(3) or popen(3): see <see cref="ProgramAbi.StartCommand"/>.</summary>
public interface ICommand
{
    /// <summary>Waits for its end, without the kernel's lock where it can take long; returns its status as waitpid(2) encodes it.</summary>
    int Wait();
}
