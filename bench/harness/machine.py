"""What a result must say of the machine and the moment it comes from."""
import os
import platform
import re
import subprocess
import time

from . import processes


def describe(repository):
    with open("/proc/meminfo") as f:
        memory = int(re.search(r"MemTotal:\s+(\d+)", f.read()).group(1)) / 1024 / 1024
    with open("/proc/cpuinfo") as f:
        model = re.search(r"^model name\s*:\s*(.*)$", f.read(), re.M)
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": model.group(1).strip() if model else platform.machine(),
        "memory_gb": round(memory, 1),
        "kernel": platform.release(),
        "commit": _git(repository, "rev-parse", "--short=12", "HEAD"),
        "modified": bool(_git(repository, "status", "--porcelain", "--untracked-files=no", "--", "src", "eng")),
    }


def _git(repository, *arguments):
    return subprocess.run(["git", "-C", repository, *arguments], capture_output=True, text=True, check=False).stdout.strip()


class OtherLoad:
    """How many cores the rest of the machine keeps busy while we measure: all processors less ourselves, our clients and the servers."""

    def __init__(self, servers):
        self._servers = servers
        self._begin = self._now()

    def cores(self):
        """(busy with others, stolen by the hypervisor) since the object was made, in cores."""
        wall, busy, stolen, ours = (now - then for now, then in zip(self._now(), self._begin))
        return max(0.0, busy - ours) / wall, stolen / wall

    def _now(self):
        mine = os.times()
        ours = mine.user + mine.system + mine.children_user + mine.children_system
        ours += sum(s.cpu_seconds() for s in self._servers if s.running)
        return (time.monotonic(), *processes.machine_cpu_seconds(), ours)
