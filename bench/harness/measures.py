"""How a line is measured. A measure has `run(context, server)`, which returns a number or a dict with "value" and what else is worth keeping;
those with `own = True` get a peer instead and start servers themselves."""
import dataclasses
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import threading
import time

from . import processes, wire
from .servers import PeerError


@dataclasses.dataclass(frozen=True)
class Context:
    """What the measures need to know of a run."""
    work: str           # a directory for data and logs, removed afterwards
    pgbench: str        # the program, PostgreSQL's own
    scripts: str
    seconds: int        # length of one measurement of a rate
    scales: dict        # pgbench's scale factor of each database
    rows: int           # rows in the tables of the database `work`
    idle_seconds: float
    connections: int


@dataclasses.dataclass(frozen=True)
class Pgbench:
    """Transactions per second of a pgbench script; with `reconnect`, connecting counts."""
    script: str
    database: str = "small"
    clients: int = 1
    jobs: int = 1
    protocol: str = "simple"
    reconnect: bool = False
    tls: bool = False
    before: str = ""
    own = False

    def run(self, context, server):
        if self.before:
            with server.connect(self.database) as c:
                c.query(self.before)
        used = server.cpu_seconds()
        done = subprocess.run(
            [context.pgbench, "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", "-n", "-M", self.protocol, "-c", str(self.clients),
             "-j", str(self.jobs), "-T", str(context.seconds), "-s", str(context.scales.get(self.database, 1)), *(["-C"] if self.reconnect else []),
             "-f", os.path.join(context.scripts, self.script + ".sql"), self.database],
            capture_output=True, text=True, check=False, timeout=context.seconds + 120,
            env={**os.environ, "PGSSLMODE": "require" if self.tls else "disable"})
        tps = re.search(r"^tps = ([0-9.]+)", done.stdout, re.M)
        if done.returncode or not tps or "aborted" in done.stderr:
            raise PeerError("pgbench: " + (done.stderr.strip() or done.stdout)[-500:])
        latency = re.search(r"latency average = ([0-9.]+) ms", done.stdout)
        # The server's processor time for one transaction: what other work on the machine distorts least.
        count = int(re.search(r"^number of transactions actually processed: (\d+)", done.stdout, re.M).group(1))
        return {"value": float(tps.group(1)), "latency_ms": float(latency.group(1)), "cpu_us": (server.cpu_seconds() - used) / max(count, 1) * 1e6}


@dataclasses.dataclass(frozen=True)
class Sql:
    """Milliseconds of one simple query, seen by the client. `{rows}` is the number of rows of the big tables."""
    statement: str
    before: str = ""
    after: str = ""
    database: str = "work"
    own = False

    def run(self, context, server):
        with server.connect(self.database) as c:
            if self.before:
                c.query(self.before.format(rows=context.rows))
            used, begin = server.cpu_seconds(), time.perf_counter()
            c.query(self.statement.format(rows=context.rows))
            elapsed, used = time.perf_counter() - begin, server.cpu_seconds() - used
            if self.after:
                c.query(self.after)
        return {"value": elapsed * 1e3, "cpu_us": used * 1e6}


@dataclasses.dataclass(frozen=True)
class CopyOut:
    """Milliseconds of COPY to the client, in text format."""
    source: str
    database: str = "work"
    tls: bool = False
    own = False

    def run(self, context, server):
        with server.connect(self.database, tls=self.tls) as c:
            used, begin = server.cpu_seconds(), time.perf_counter()
            size = c.copy_out(f"COPY {self.source} TO STDOUT")
            elapsed, used = time.perf_counter() - begin, server.cpu_seconds() - used
        return {"value": elapsed * 1e3, "bytes": size, "cpu_us": used * 1e6}


@dataclasses.dataclass(frozen=True)
class CopyIn:
    """Milliseconds of COPY from the client into an emptied table, in text format."""
    database: str = "work"
    tls: bool = False
    own = False

    def run(self, context, server):
        data = wire.copy_data(b"%d\t%d\tthe text of row number %d\n" % (i, i * 7919 % 1000003, i) for i in range(context.rows))
        with server.connect(self.database, tls=self.tls) as c:
            c.query("DROP TABLE IF EXISTS copied; CREATE TABLE copied (id int, k int, t text)")
            used, begin = server.cpu_seconds(), time.perf_counter()
            c.copy_in("COPY copied FROM STDIN", data)
            elapsed, used = time.perf_counter() - begin, server.cpu_seconds() - used
        return {"value": elapsed * 1e3, "bytes": len(data), "cpu_us": used * 1e6}


@dataclasses.dataclass(frozen=True)
class Latency:
    """Milliseconds (95th percentile) of point selects, 200 a second on one session, while other sessions compute."""
    hogs: tuple = ()
    rate: int = 200
    own = False
    databases = ("small", "work")

    def run(self, context, server):
        sessions = [server.connect("work") for _ in self.hogs]
        threads = [threading.Thread(target=self._compute, args=(session, sql.format(rows=context.rows)), daemon=True)
                   for session, sql in zip(sessions, self.hogs)]
        stop = self._begin(threads)
        try:
            samples = self._select(context, server)
            if not all(t.is_alive() for t in threads):
                raise PeerError("a query that should have run for the whole measurement ended")
        finally:
            stop(sessions)
        return {"value": quantile(samples, 0.95), "p50": quantile(samples, 0.5), "max": samples[-1], "samples": len(samples)}

    def _select(self, context, server):
        """Latencies in ms, sorted. A late answer delays the ones after it no further than it must: the pace is kept from the last answer."""
        samples = []
        with server.connect("small") as c:
            deadline = time.perf_counter() + context.seconds
            while (begin := time.perf_counter()) < deadline:
                c.query(f"SELECT abalance FROM pgbench_accounts WHERE aid = {1 + len(samples) * 7919 % 100000}")
                end = time.perf_counter()
                samples.append((end - begin) * 1e3)
                time.sleep(max(0.0, begin + 1 / self.rate - end))
        return sorted(samples)

    @staticmethod
    def _begin(threads):
        for thread in threads:
            thread.start()
        time.sleep(0.3)  # into the queries

        def stop(sessions):
            for session, thread in zip(sessions, threads):
                while thread.is_alive():
                    session.cancel()
                    thread.join(0.5)
                session.close()
        return stop

    @staticmethod
    def _compute(session, sql):
        try:
            session.query(sql)
        except wire.ServerError as e:
            if e.code != "57014":  # query_canceled
                raise


@dataclasses.dataclass(frozen=True)
class Start:
    """Milliseconds from starting the program to its first answer. `fresh`: without a data directory, so that it is made too."""
    fresh: bool = False
    memory: bool = False  # nothing on disk; for a server that cannot do that: a directory in /dev/shm
    own = True

    def run(self, context, peer, settings):
        if self.fresh:
            # On disk they are left until the end of the run: ext4 is slow at making files where many were just deleted.
            place = tempfile.mkdtemp(prefix=f"pocketgres-bench-{peer.name}-", dir="/dev/shm" if self.memory else context.work)
            directory = None if self.memory and peer.in_memory else place
            begin = time.perf_counter()
            if directory:
                peer.prepare(directory)
        else:
            directory = warm_directory(context, peer, settings)
            begin = time.perf_counter()
        server = peer.server(directory, settings, context.work)
        try:
            server.start()
            elapsed = time.perf_counter() - begin
            used = server.cpu_seconds()
            rss, pss = server.memory_mb()
        finally:
            server.stop()
            if self.fresh and self.memory:
                shutil.rmtree(place, ignore_errors=True)
        return {"value": elapsed * 1e3, "cpu_ms": used * 1e3, "rss_mb": rss, "pss_mb": pss}


@dataclasses.dataclass(frozen=True)
class Memory:
    """MB of a server after its first query, on an existing directory; of several processes the sum. RSS counts what they share in each of them."""
    resident: bool = False  # RSS instead of PSS
    own = True

    def run(self, context, peer, settings):
        with started(context, peer, settings) as server:
            rss, pss = server.memory_mb()
        return rss if self.resident else pss


@dataclasses.dataclass(frozen=True)
class IdleConnection:
    """MB (PSS) of one idle connection: what 50 that have run one query add, divided by 50, to a server at which nobody does anything any more."""
    own = True
    count: int = 50

    def run(self, context, peer, settings):
        with started(context, peer, settings) as server:
            wait_for_start_to_settle(context)
            before = server.memory_mb()[1]
            sessions = open_all(server, self.count)
            after = server.memory_mb()[1]
            for s in sessions:
                s.close()
        return {"value": (after - before) / self.count, "before_mb": before, "after_mb": after}


@dataclasses.dataclass(frozen=True)
class Churn:
    """PSS after a crowd of connections was opened, used at once, and closed, as a multiple of before.

    `again`: of a second crowd; "before" is then after the first one. What grows here is lost for good, while a first crowd also brings in
    code and data that every long-lived server has in memory.
    """
    again: bool = False
    own = True

    def run(self, context, peer, settings):
        with started(context, peer, {**settings, "max_connections": str(context.connections + 10)}) as server:
            with server.connect("postgres") as c:
                before = server.memory_mb()[1]
                after, peak = self._crowd(context, server, c)
                if self.again:
                    before = after
                    after, peak = self._crowd(context, server, c)
        return {"value": after / before, "before_mb": before, "peak_mb": peak, "after_mb": after}

    def _crowd(self, context, server, observer):
        """(PSS afterwards, PSS with all connected)."""
        sessions = open_all(server, context.connections)
        peak = server.memory_mb()[1]
        for s in sessions:
            s.close()
        deadline = time.monotonic() + 60
        while int(observer.query("select count(*) from pg_stat_activity where backend_type = 'client backend'")[0][0]) > 1:
            if time.monotonic() > deadline:
                raise PeerError("closed connections are still in pg_stat_activity after 60 s")
            time.sleep(0.05)
        # Memory may go back a little later than the session: the lowest of a few seconds counts.
        return min(self._later(server) for _ in range(8)), peak

    @staticmethod
    def _later(server):
        time.sleep(0.5)
        return server.memory_mb()[1]


@dataclasses.dataclass(frozen=True)
class IdleCpu:
    """Processor time of a server with nobody connected (or with idle connections), in percent of one core."""
    sessions: int = 0
    own = True

    def run(self, context, peer, settings):
        with started(context, peer, settings) as server:
            sessions = open_all(server, self.sessions)
            wait_for_start_to_settle(context)
            begin, used = time.perf_counter(), server.cpu_seconds()
            time.sleep(context.idle_seconds)
            used, elapsed = server.cpu_seconds() - used, time.perf_counter() - begin
            for s in sessions:
                s.close()
        return 100 * used / elapsed


class started:
    """A server of one's own on the warm directory, for a with statement."""

    def __init__(self, context, peer, settings):
        self._server = peer.server(warm_directory(context, peer, settings), settings, context.work)

    def __enter__(self):
        self._server.start()
        return self._server

    def __exit__(self, *_):
        self._server.stop()


def warm_directory(context, peer, settings):
    """An existing, cleanly stopped data directory of this peer; made at the first call."""
    directory = os.path.join(context.work, peer.name + "-warm")
    if not os.path.isdir(directory):
        peer.prepare(directory)
        server = peer.server(directory, settings, context.work)
        server.start()
        server.stop()
    return directory


def wait_for_start_to_settle(context):
    """What follows a start is over then, the first autovacuum round for one."""
    time.sleep(min(5.0, context.idle_seconds))


def open_all(server, count):
    sessions = [server.connect("postgres") for _ in range(count)]
    for s in sessions:
        s.query("select count(*) from pg_class")
    return sessions


def quantile(ordered, q):
    """The q-quantile of sorted numbers, interpolated."""
    at = q * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def median(values):
    return statistics.median(values)
