namespace Pocketgres.Engine.Port;

/// <summary>A command that popen or system started.</summary>
internal interface ICommand
{
    /// <summary>Waits for its end, without the global lock where it can take long; returns its status as waitpid(2) encodes it.</summary>
    int Wait();
}
