using System.Globalization;
using System.Runtime.InteropServices;

namespace Pocketgres.Engine.Shell;

/// <summary>
/// Ends a host process and everything it started. .NET's Kill(entireProcessTree) misses children that started within milliseconds of their
/// parent (it compares start times that it computes from a jittering clock), and it cannot start a process in a group of its own.
/// </summary>
internal static partial class HostProcessTree
{
    private const int SigKill = 9, SigStop = 19;

    /// <summary>Sends SIGKILL to the process and to its children, theirs, and so on. What has ended meanwhile is no error.</summary>
    public static void Kill(int pid)
    {
        // Stopped, it starts no more children while they are looked for.
        if (SendSignal(pid, SigStop) != 0)
        {
            return;
        }

        var children = ChildrenOf(pid);
        _ = SendSignal(pid, SigKill);
        children.ForEach(Kill);
    }

    private static List<int> ChildrenOf(int parent)
    {
        var children = new List<int>();
        foreach (string directory in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(directory.AsSpan()), CultureInfo.InvariantCulture, out int pid) && ParentOf(pid) == parent)
            {
                children.Add(pid);
            }
        }

        return children;
    }

    // proc_pid_stat(5): "pid (name) state ppid ..."; the name may contain anything.
    private static int ParentOf(int pid)
    {
        try
        {
            string text = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"));
            string[] fields = text[(text.LastIndexOf(')') + 1)..].Split(' ', 4, StringSplitOptions.RemoveEmptyEntries);
            return int.Parse(fields[1], CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return -1; // it has ended
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int pid, int signal);
}
