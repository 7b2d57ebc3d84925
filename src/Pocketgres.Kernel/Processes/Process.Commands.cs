using Pocketgres.Kernel.Programs;

namespace Pocketgres.Kernel;

/// <content>Commands that the process has started with popen(3) and not waited for. They are no processes of the kernel; their ids are above all of these.</content>
public sealed partial class Process
{
    private const int FirstCommand = 1 << 30;

    private Dictionary<int, ICommand>? _commands;
    private int _lastCommand = FirstCommand;

    /// <summary>Remembers a command. Returns the id by which waitpid(2) finds it.</summary>
    internal int AddCommand(ICommand command)
    {
        (_commands ??= []).Add(++_lastCommand, command);
        return _lastCommand;
    }

    /// <summary>The command with this id, which is forgotten; null when there is none.</summary>
    internal ICommand? TakeCommand(int id) => _commands is not null && _commands.Remove(id, out var command) ? command : null;
}
