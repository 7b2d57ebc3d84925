"""What a server's memory consists of, and whether it grows: the judging part of bench/growth."""
import collections
import os
import re
import statistics

KINDS = ("sessions", "shared", "code", "other")  # what is judged; "files" comes and goes with other servers and is bounded by the files' size


def memory_by_kind(pid):
    """MB of a server's memory by kind. In PSS, so that a page mapped by several sessions counts once.

    sessions  private memory of Postgres' processes: the postmaster's template that all start from, and what each wrote
    shared    memory of all processes: shared_buffers, WAL buffers, tables of locks, dynamic segments; also memory files nobody maps
    code      what the just-in-time compiler made
    other     the .NET runtime's own heaps, the compiler's work space, threads' stacks, data of libraries, files of `memory:`
    files     clean pages of programs and libraries
    """
    with open(f"/proc/{pid}/smaps") as f:
        mappings = list(parse(f))
    kinds = kib_by_kind(mappings)
    mapped = {m.inode for m in mappings if m.name.startswith("/memfd:")}
    kinds["shared"] += sum(kib for inode, kib in memory_files(pid).items() if inode not in mapped)
    return {kind: kib / 1024 for kind, kib in kinds.items()}


def kib_by_kind(mappings):
    """KiB of mappings, by kind as above."""
    kinds = collections.Counter(dict.fromkeys((*KINDS, "files"), 0))
    end, in_process = 0, False
    for m in mappings:
        # A process's region is one reservation: its template first, then shared mappings and anonymous memory without a gap, then the rest of the
        # reservation, which is not accessible.
        in_process = m.name.startswith("/memfd:pocketgres-") or (in_process and m.start == end and not m.name and m.access.startswith("rw"))
        end = m.end
        if m.name.startswith("/memfd:doublemapper") or (not m.name and "x" in m.access):
            kinds["code"] += m.pss
        elif in_process:
            kinds["shared" if m.access.endswith("s") else "sessions"] += m.pss
        elif m.name.startswith("/") and not m.name.startswith("/memfd:"):
            kinds["other"] += m.anonymous
            kinds["files"] += max(0, m.pss - m.anonymous)
        else:
            kinds["other"] += m.pss
    return kinds


Mapping = collections.namedtuple("Mapping", "start end access inode name pss anonymous")


def parse(lines):
    """Mappings of proc_pid_smaps(5), in KiB where they are sizes."""
    head, fields = None, {}
    for line in lines:
        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+)\s*(.*)", line)
        if m:
            if head:
                yield Mapping(*head, fields.get("Pss", 0), fields.get("Anonymous", 0))
            head, fields = (int(m[1], 16), int(m[2], 16), m[3], int(m[4]), m[5].strip()), {}
        else:
            key, _, value = line.partition(":")
            if key in ("Pss", "Anonymous"):
                fields[key] = int(value.split()[0])
    if head:
        yield Mapping(*head, fields.get("Pss", 0), fields.get("Anonymous", 0))


def memory_files(pid):
    """KiB of the memory files that a process has open, by inode."""
    sizes = {}
    directory = f"/proc/{pid}/fd"
    for d in os.listdir(directory):
        try:
            if os.readlink(f"{directory}/{d}").startswith("/memfd:"):
                status = os.stat(f"{directory}/{d}")
                sizes[status.st_ino] = status.st_blocks // 2
        except OSError:  # closed meanwhile
            pass
    return sizes


def gain(points):
    """What a steady growth added from the first of some (x, y) to the last. The slope is the median of the slopes between all pairs (Theil and Sen), so
    that a value or two that stand out do not count, nor does a single step."""
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(points) for b in points[i + 1:] if b[0] > a[0]]
    return statistics.median(slopes) * (points[-1][0] - points[0][0]) if slopes else 0.0


def last_two_thirds(points):
    """The points from a third of the way on; all when too few remain for a slope."""
    first, last = points[0][0], points[-1][0]
    late = [p for p in points if p[0] >= first + (last - first) / 3 - 1e-9]
    return late if len(late) >= 3 else points


def gain_of(samples, work, key):
    """What a steady growth with the work done added to a key, over the last two thirds of the samples."""
    return gain(last_two_thirds([(s[work], s[key]) for s in samples]))


def growing(samples, work, limits):
    """What grows with the work done: {key: gain} of those whose gain over the last two thirds is above their limit.

    samples: what was read, in order; work: the key in them that says how much had been done; limits: for each key, the greatest gain that is no growth.
    """
    gains = {key: gain_of(samples, work, key) for key in limits}
    return {key: g for key, g in gains.items() if g > limits[key]}
