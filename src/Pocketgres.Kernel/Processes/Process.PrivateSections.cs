using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel;

/// <content>
/// Private sections: while a process runs only functions that write no memory but its own, it needs no lock, and others run beside it on other cores.
/// The translator makes sure that all other code takes the lock first (<c>PrivateCode</c> of Pocketgres.Wasm).
/// </content>
public sealed unsafe partial class Process
{
    /// <summary>Whether the process is in a private section. Its own thread, or under the global lock a look that may be late.</summary>
    internal bool InPrivateSection => *(int*)(Memory + InstanceLayout.PrivateSection) != 0;

    /// <summary>Asks for a private section at the next place where one can begin.</summary>
    public static void WantPrivateSection(byte* m) => *(int*)(m + InstanceLayout.PrivateSectionWanted) = 1;

    /// <summary>
    /// Gives up the global lock until the process leaves private code. Called by the program where a private function goes on; it must hold no lock
    /// of its own. Does nothing unless <see cref="KernelOptions.PrivateSections"/> says so.
    /// </summary>
    public void BeginPrivateSection()
    {
        *(int*)(Memory + InstanceLayout.PrivateSectionWanted) = 0;
        var mode = Kernel.Options.PrivateSections;
        if (mode == PrivateSectionMode.Off || InPrivateSection || Kernel.Cloned is not null || !Kernel.Scheduler.TryBeginPrivateSection())
        {
            return; // in a clone, the shared memory is mapped only for the holder of the lock
        }

        if (mode == PrivateSectionMode.Checked)
        {
            AddressSpace.ProtectShared(true);
        }

        EnterBlocking();
        *(int*)(Memory + InstanceLayout.PrivateSection) = 1;
    }

    /// <summary>Takes the lock again.</summary>
    internal void EndPrivateSection()
    {
        *(int*)(Memory + InstanceLayout.PrivateSection) = 0;
        Kernel.Scheduler.AwaitLock();
        LeaveBlocking();
        Kernel.Scheduler.EndPrivateSection();
        if (Kernel.Options.PrivateSections == PrivateSectionMode.Checked)
        {
            AddressSpace.ProtectShared(false);
        }
    }

    // A crash in private code unwinds without the lock.
    private void EndPrivateSectionAfterCrash()
    {
        if (InPrivateSection)
        {
            EndPrivateSection();
        }
    }
}
