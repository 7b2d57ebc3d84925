namespace Pocketgres.Kernel.Files.Faults;

/// <summary>
/// Counts the calls to another file system and lets chosen ones fail or fall short: the n-th of a kind, for some paths, once or for ever.
/// A failed call does not reach the other file system. Thread-safe as far as the other one is.
/// </summary>
/// <remarks>The same rules and seed do the same to the same sequence of calls. The other file system stays the caller's: it is not disposed.</remarks>
/// <param name="inner">Does the work.</param>
/// <param name="seed">Decides how short short transfers are.</param>
public sealed class FaultFileSystem(IFileSystem inner, int seed = 0) : IFileSystem
{
    private readonly Lock _lock = new();
    private readonly Random _random = new(seed);
    private readonly List<State> _rules = [];
    private readonly long[] _counts = new long[32];

    /// <summary>Called before each call, with the number of calls so far including this one; must be quick. Runs on the calling thread.</summary>
    public Action<FileCall, long>? Observer { get; set; }

    /// <summary>How many calls rules have failed or cut so far.</summary>
    public long Injected { get; private set; }

    internal IFileSystem Inner => inner;

    /// <summary>Adds a rule; it counts calls from now on.</summary>
    public void Add(FaultRule rule)
    {
        lock (_lock)
        {
            _rules.Add(new State(rule));
        }
    }

    /// <summary>Removes all rules: the fault is repaired.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _rules.Clear();
        }
    }

    /// <summary>How many calls of these kinds there were.</summary>
    public long CountOf(FileOperations operations)
    {
        lock (_lock)
        {
            long sum = 0;
            for (int bit = 0; bit < _counts.Length; bit++)
            {
                sum += ((int)operations & (1 << bit)) != 0 ? _counts[bit] : 0;
            }

            return sum;
        }
    }

    /// <inheritdoc/>
    public Errno Open(string path, OpenFlags flags, int mode, out OpenFile? file)
    {
        file = null;
        var error = Check(FileOperations.Open, path);
        if (error == Errno.None && (error = inner.Open(path, flags, mode, out var opened)) == Errno.None)
        {
            file = new FaultFile(this, opened!, path);
        }

        return error;
    }

    /// <inheritdoc/>
    public Errno Stat(string path, bool followLink, out FileStatus status)
    {
        status = default;
        return Check(FileOperations.Look, path) is var e and not Errno.None ? e : inner.Stat(path, followLink, out status);
    }

    /// <inheritdoc/>
    public Errno MakeDirectory(string path, int mode) => Check(FileOperations.Create, path) is var e and not Errno.None ? e : inner.MakeDirectory(path, mode);

    /// <inheritdoc/>
    public Errno RemoveDirectory(string path) => Check(FileOperations.Remove, path) is var e and not Errno.None ? e : inner.RemoveDirectory(path);

    /// <inheritdoc/>
    public Errno Unlink(string path) => Check(FileOperations.Remove, path) is var e and not Errno.None ? e : inner.Unlink(path);

    /// <inheritdoc/>
    public Errno Rename(string from, string target) => Check(FileOperations.Rename, from) is var e and not Errno.None ? e : inner.Rename(from, target);

    /// <inheritdoc/>
    public Errno Link(string existing, string created) => Check(FileOperations.Create, created) is var e and not Errno.None ? e : inner.Link(existing, created);

    /// <inheritdoc/>
    public Errno SymbolicLink(string target, string path) => Check(FileOperations.Create, path) is var e and not Errno.None ? e : inner.SymbolicLink(target, path);

    /// <inheritdoc/>
    public Errno ReadLink(string path, out string target)
    {
        target = "";
        return Check(FileOperations.Look, path) is var e and not Errno.None ? e : inner.ReadLink(path, out target);
    }

    /// <inheritdoc/>
    public Errno ChangeMode(string path, int mode) => Check(FileOperations.SetStatus, path) is var e and not Errno.None ? e : inner.ChangeMode(path, mode);

    /// <inheritdoc/>
    public Errno SetTimes(string path, bool followLink, long? accessed, long? modified) =>
        Check(FileOperations.SetStatus, path) is var e and not Errno.None ? e : inner.SetTimes(path, followLink, accessed, modified);

    /// <inheritdoc/>
    public Errno Truncate(string path, long length) => Check(FileOperations.Resize, path) is var e and not Errno.None ? e : inner.Truncate(path, length);

    /// <inheritdoc/>
    public Errno Access(string path, int mode) => Check(FileOperations.Look, path) is var e and not Errno.None ? e : inner.Access(path, mode);

    /// <inheritdoc/>
    public Errno StatFileSystem(string path, out FileSystemStatus status)
    {
        status = default;
        return Check(FileOperations.Look, path) is var e and not Errno.None ? e : inner.StatFileSystem(path, out status);
    }

    /// <inheritdoc/>
    public bool FindLink(string path, bool includeLast, out int linkEnd, out string target) => inner.FindLink(path, includeLast, out linkEnd, out target);

    /// <inheritdoc/>
    public int DescriptorAlias(string path) => inner.DescriptorAlias(path);

    /// <summary>Counts a call; the error it is to fail with.</summary>
    internal Errno Check(FileOperations operation, string path)
    {
        int length = int.MaxValue;
        return Check(operation, path, ref length);
    }

    /// <summary>Counts a transfer, which may be cut: <paramref name="length"/> is reduced then.</summary>
    internal Errno Check(FileOperations operation, string path, ref int length)
    {
        long number;
        var error = Errno.None;
        lock (_lock)
        {
            number = ++_counts[System.Numerics.BitOperations.TrailingZeroCount((int)operation)];
            foreach (var state in _rules)
            {
                error = Apply(state, operation, path, ref length);
                if (error != Errno.None)
                {
                    break;
                }
            }
        }

        Observer?.Invoke(new FileCall(operation, path), number);
        return error;
    }

    private Errno Apply(State state, FileOperations operation, string path, ref int length)
    {
        var rule = state.Rule;
        if ((rule.Operations & operation) == 0 || (rule.Path is { } matches && !matches(path))
            || rule.Except?.Invoke(new FileCall(operation, path)) == true)
        {
            return Errno.None;
        }

        long number = ++state.Seen;
        if (number < rule.First || number - rule.First >= rule.Count)
        {
            return Errno.None;
        }

        if (!rule.Partial)
        {
            Injected++;
            rule.Happened?.Invoke(new FileCall(operation, path));
            return rule.Error;
        }

        if (operation is FileOperations.Read or FileOperations.Write && length is > 1 and < int.MaxValue)
        {
            Injected++;
            rule.Happened?.Invoke(new FileCall(operation, path));
            length = _random.Next(1, length);
        }

        return Errno.None;
    }

    private sealed class State(FaultRule rule)
    {
        public FaultRule Rule { get; } = rule;

        public long Seen { get; set; }
    }
}
