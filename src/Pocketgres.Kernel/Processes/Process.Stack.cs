using Pocketgres.Kernel.Native;
using Pocketgres.Kernel.Programs;
using Pocketgres.Wasm.Abi;

namespace Pocketgres.Kernel;

/// <content>
/// The stack of the process's thread. Translated code compares the stack pointer with two limits below linear memory: the program's own (as <c>max_stack_depth</c> is), and
/// the thread's, in functions that lie on cycles of the call graph. So a program never overflows a thread's stack, which .NET would not survive.
/// </content>
public sealed unsafe partial class Process
{
    /// <summary>What a program may use of the thread's stack, unless its own limit is lower.</summary>
    private const int MaximumStack = 64 << 20;

    /// <summary>Beyond this depth the pages below the stack pointer go back to the host once the program has unwound.</summary>
    private const int KeptStack = 4 << 20;

    private byte* _stackLimit; // of the thread
    private byte* _stackBase; // where the thread's stack was when the process began
    private bool _stackWasDeep;

    /// <summary>How much of its thread's stack the process uses, bytes. Its own thread.</summary>
    public long StackDepth
    {
        get
        {
            byte here;
            return _stackBase - &here;
        }
    }

    /// <summary>
    /// Sets how deep the program wants the thread's stack to become, at most: its own checks fail beyond. A process begins with what <see cref="ProgramAbi.StackDepth"/> says.
    /// </summary>
    /// <param name="bytes">Bytes, not negative.</param>
    public void LimitStackDepth(long bytes) => *(byte**)(Memory + InstanceLayout.StackDepthLimit) = _stackBase - Math.Min(bytes, MaximumStackDepth);

    private long DeepestStack => MaximumStackDepth + (MaximumStackDepth / 2);

    private long MaximumStackDepth => Math.Min(MaximumStack, Kernel.Threads.StackSize / 2);

    /// <summary>A bounded function was called beyond the limit: to be interrupted, or else an error of the program where it can report one, otherwise the process's crash.</summary>
    internal void StackLimitReached(InterruptPlace place)
    {
        byte here;
        bool interrupted = TakeInterrupt(place);
        if (&here >= _stackLimit)
        {
            if (!interrupted)
            {
                ApplyStackLimit(); // another thread asked twice, and its second limit came when the first request had been answered
            }

            return;
        }

        _stackWasDeep = true;
        if (_stackLimit == _stackBase - MaximumStackDepth && Program.Abi.StackLimitReached is { } report)
        {
            _stackLimit = _stackBase - DeepestStack; // reporting needs stack, too
            ApplyStackLimit();
            report(this);
        }

        throw new StackLimitException();
    }

    /// <summary>The exception for a longjmp, which unwinds the stack. It is the same one again and again, unless it will have a long stack trace.</summary>
    internal LongjmpException NewLongjmp()
    {
        bool deep = StackDepth > KeptStack / 16;
        _stackWasDeep |= StackDepth > KeptStack;
        ResetStackLimit();
        return deep ? new LongjmpException() : Longjmp;
    }

    private byte* StackLimit
    {
        set => *(byte**)(Memory + InstanceLayout.StackLimit) = value;
    }

    /// <summary>On the process's thread, before it runs anything translated.</summary>
    private void BeginStack()
    {
        byte here;
        _stackBase = &here;
        ResetStackLimit();
        LimitStackDepth(Program.Abi.StackDepth?.Invoke(this) ?? long.MaxValue);
    }

    private void ResetStackLimit()
    {
        _stackLimit = _stackBase - MaximumStackDepth;
        ApplyStackLimit();
    }

    private void ApplyStackLimit()
    {
        InterruptFlag = 0;
        StackLimit = _stackLimit;
        Interlocked.MemoryBarrier(); // pairs with Interrupt: either it comes later, or it is seen here
        if (Volatile.Read(ref _interruptWanted) != 0)
        {
            InterruptFlag = 1;
            StackLimit = (byte*)nint.MinValue;
        }
    }

    /// <summary>Gives memory back that a deep recursion has touched. Called where the process waits.</summary>
    private void TrimStack()
    {
        if (_stackWasDeep && StackDepth < KeptStack / 2)
        {
            _stackWasDeep = false;
            nint top = (nint)(_stackBase - KeptStack) & -System.Environment.SystemPageSize, lowest = (nint)(_stackBase - DeepestStack) & -System.Environment.SystemPageSize;
            if (lowest < top)
            {
                _ = Libc.madvise((void*)lowest, top - lowest, Libc.AdviseDontNeed);
            }
        }
    }
}
