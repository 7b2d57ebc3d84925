"""What Linux tells of processes, in /proc: memory, processor time, and what the rest of the machine does meanwhile."""
import os
import re

TICK = os.sysconf("SC_CLK_TCK")


def tree(root):
    """The process and its living descendants."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _stat(int(name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(name))
    found, queue = [], [root]
    while queue:
        pid = queue.pop()
        found.append(pid)
        queue += children.get(pid, [])
    return found


def memory_mb(root):
    """(RSS, PSS) of a tree of processes in MB. PSS counts a shared page once, divided among those that map it."""
    rss = pss = 0
    for pid in tree(root):
        try:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                text = f.read()
        except OSError:  # ended meanwhile
            continue
        rss += int(re.search(r"^Rss:\s+(\d+)", text, re.M).group(1))
        pss += int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))
    return rss / 1024, pss / 1024


def cpu_seconds(root):
    """Processor time of a tree of processes, those already ended and waited for included."""
    ticks = 0
    for pid in tree(root):
        fields = _stat(pid)
        if fields:
            ticks += sum(int(fields[i]) for i in (11, 12, 13, 14))  # utime, stime, cutime, cstime
    return ticks / TICK


def machine_cpu_seconds():
    """(busy, stolen by the hypervisor) since boot, summed over all processors."""
    with open("/proc/stat") as f:
        user, nice, system, _, _, irq, softirq, steal = (int(x) for x in f.readline().split()[1:9])
    return (user + nice + system + irq + softirq) / TICK, steal / TICK


def _stat(pid):
    """Fields of /proc/PID/stat after the name, from `state`: index 0 is field 3 of proc(5)."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()
    except OSError:
        return None
