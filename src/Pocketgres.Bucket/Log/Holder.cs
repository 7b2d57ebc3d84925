using System.Globalization;
using System.Text;
using Pocketgres.Bucket.Formats;
using Pocketgres.ObjectStore;

namespace Pocketgres.Bucket.Log;

/// <summary>
/// Who has a cluster open, as objects <c>live/TOKEN</c> say, written every few seconds. Nothing depends on them but courtesy: they keep two processes from
/// fencing each other by turns. All clocks compared are the store's.
/// </summary>
internal static class Holder
{
    private static readonly TimeSpan s_step = TimeSpan.FromSeconds(1);

    /// <summary>What this process writes into its heartbeat.</summary>
    public static byte[] Describe() => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
        $"host={Environment.MachineName}\nboot={BootId()}\npid={Environment.ProcessId}\nstarted={StartTime(Environment.ProcessId)}\n"));

    /// <summary>Who wrote a heartbeat, for people.</summary>
    public static string NameOf(byte[] heartbeat)
    {
        string text = Encoding.UTF8.GetString(heartbeat);
        return $"process {Value(text, "pid")} on {Value(text, "host")}";
    }

    /// <summary>Returns when nobody has the cluster, or at once when it is to be taken over.</summary>
    /// <exception cref="BucketException">Somebody has it, and says so again while we look.</exception>
    public static async Task WaitUntilGoneAsync(
        IObjectStore store, ObjectList live, BucketOptions options, Action<string>? report, CancellationToken cancellationToken)
    {
        if (options.TakeOver || live.Entries.Count == 0)
        {
            return;
        }

        var seen = live.Entries[^1];
        var found = await store.GetAsync(seen.Key, null, cancellationToken).ConfigureAwait(false);
        string holder = Encoding.UTF8.GetString(found?.Content ?? []);
        if (HasEnded(holder))
        {
            return;
        }

        string name = NameOf(found?.Content ?? []);
        for (bool isFirst = true; live.Time - seen.LastModified < options.HeartbeatLimit; isFirst = false)
        {
            if (isFirst)
            {
                report?.Invoke($"{name} had {store.Name} open {(live.Time - seen.LastModified).TotalSeconds:0} s ago: waiting until its silence is "
                    + $"{options.HeartbeatLimit.TotalSeconds:0} s long (takeover=true does not wait)");
            }

            await Task.Delay(s_step, cancellationToken).ConfigureAwait(false);
            live = await store.ListAsync(Keys.Live, null, cancellationToken).ConfigureAwait(false);
            if (live.Entries.Count == 0)
            {
                return;
            }

            if (live.Entries[^1] != seen)
            {
                throw new BucketException(BucketError.InUse, $"{name} has {store.Name} open: stop it first, or take the cluster over (takeover=true)");
            }
        }
    }

    // Known only on the same machine since the same boot.
    private static bool HasEnded(string holder) =>
        Value(holder, "host") == Environment.MachineName && Value(holder, "boot") is { Length: > 0 } boot && boot == BootId()
        && int.TryParse(Value(holder, "pid"), CultureInfo.InvariantCulture, out int pid) && StartTime(pid) != Value(holder, "started");

    private static string Value(string text, string name) =>
        text.Split('\n').FirstOrDefault(l => l.StartsWith(name + "=", StringComparison.Ordinal))?[(name.Length + 1)..] ?? "?";

    // With the namespace that process ids count in: containers of one host may have one name.
    private static string BootId() =>
        Read("/proc/sys/kernel/random/boot_id").Trim() is { Length: > 0 } boot ? $"{boot} {new FileInfo("/proc/self/ns/pid").LinkTarget}" : "";

    // proc_pid_stat(5): the 22nd field, which is the 20th behind the name in parentheses.
    private static string StartTime(int pid)
    {
        string stat = Read(string.Create(CultureInfo.InvariantCulture, $"/proc/{pid}/stat"));
        string[] fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return fields.Length > 19 && fields[0] != "Z" ? fields[19] : "";
    }

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
