using System.Runtime.InteropServices;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel;

/// <content>
/// Threads. A thread is a <see cref="Process"/> of its own for the kernel (it waits and gets signals by itself), with linear memory and descriptors of the one that started the
/// first, the leader. What translated code finds below linear memory is there once, so one thread at a time runs: translated code has the kernel's lock, as
/// <see cref="PosixKernel.IsExclusive"/> says, and whoever gets the lock puts its own there.
/// </content>
public sealed unsafe partial class Process
{
    private ThreadGroup? _group; // null: it has no threads
    private Registers _registers; // while another thread runs

    // A thread of the leader's.
    private Process(Process leader, Action<Process> body)
    {
        Kernel = leader.Kernel;
        Pid = Kernel.Processes.NextPid();
        Program = leader.Program;
        Files = leader.Files;
        Linker = leader.Linker;
        Title = leader.Title;
        Tag = leader.Tag;
        Environment = leader.Environment;
        WorkingDirectory = leader.WorkingDirectory;
        Umask = leader.Umask;
        _body = body;
        _group = leader._group;
        Attach(leader._memory!, isThread: true);
    }

    private bool IsThread => _group is { } group && group.Leader != this;

    /// <summary>Starts a thread beside this one. Under the kernel's lock.</summary>
    /// <param name="stack">Where its shadow stack begins.</param>
    /// <param name="body">What it does; it ends when that returns.</param>
    internal void StartThread(int stack, Action<Process> body)
    {
        Kernel.HasThreads = true;
        _group ??= new ThreadGroup(this);
        var thread = new Process(_group.Leader, body);
        thread._registers = new Registers { Handle = GCHandle.ToIntPtr(thread._handle), StackPointer = stack };
        _group.Others.Add(thread);
        try
        {
            thread.Start();
        }
        catch
        {
            _group.Others.Remove(thread);
            throw;
        }
    }

    // The thread has got the kernel's lock: what the one that had it before left is kept for that one.
    private void SwitchThread()
    {
        if (_group is not { } group || group.Running == this || _memory is not { } memory)
        {
            return;
        }

        group.Running._registers = Registers.Read(memory.Base);
        group.Running = this;
        _registers.Write(memory.Base);
    }

    // The end of a thread. exit(3) in any of them, or a crash, ends the process.
    private void EndThread(int? status)
    {
        var group = _group!;
        if (status is { } end && !group.IsEnding)
        {
            group.Status = end;
            group.Leader.Post(Signal.Kill);
        }

        if (State == ProcessState.Running)
        {
            Kernel.Running.End();
        }

        State = ProcessState.Ended;
        _alarm?.Dispose();
        Detach();
        group.Others.Remove(this);
        Volatile.Write(ref _exited, true);
        Kernel.Processes.Exited(this);
        Unlock();
        FreeHostObjects();
        _exitedSource.SetResult(status ?? 0);
        Kernel.Processes.Gone(this);
    }

    // Before the leader's memory goes: the others end at their next wait. Under the kernel's lock, which is given up meanwhile.
    private int EndOtherThreads(int status)
    {
        if (_group is not { } group)
        {
            return status;
        }

        group.IsEnding = true;
        foreach (var thread in group.Others)
        {
            thread.Post(Signal.Kill);
        }

        Task[] ends = group.Others.ConvertAll(static t => (Task)t.Exited).ToArray();
        bool wasLocked = Unlock();
        Task.WaitAll(ends);
        if (wasLocked)
        {
            Lock();
        }

        return group.Status ?? status;
    }

    /// <summary>The threads of one process. Under the kernel's lock.</summary>
    private sealed class ThreadGroup(Process leader)
    {
        public Process Leader { get; } = leader;

        public List<Process> Others { get; } = [];

        /// <summary>Whose registers are below linear memory.</summary>
        public Process Running { get; set; } = leader;

        /// <summary>The leader ends.</summary>
        public bool IsEnding { get; set; }

        /// <summary>How the process ends, if another thread than the leader ended it.</summary>
        public int? Status { get; set; }
    }

    /// <summary>What lies below linear memory and is a thread's own.</summary>
    private struct Registers
    {
        public nint Handle;
        public nint StackLimit;
        public nint StackDepthLimit;
        public int StackPointer;

        public static Registers Read(byte* m) => new()
        {
            Handle = *(nint*)(m + InstanceLayout.ProcessHandle),
            StackLimit = *(nint*)(m + InstanceLayout.StackLimit),
            StackDepthLimit = *(nint*)(m + InstanceLayout.StackDepthLimit),
            StackPointer = *(int*)(m + InstanceLayout.StackPointer),
        };

        public readonly void Write(byte* m)
        {
            *(nint*)(m + InstanceLayout.ProcessHandle) = Handle;
            *(nint*)(m + InstanceLayout.StackLimit) = StackLimit;
            *(nint*)(m + InstanceLayout.StackDepthLimit) = StackDepthLimit;
            *(int*)(m + InstanceLayout.StackPointer) = StackPointer;
        }
    }
}
