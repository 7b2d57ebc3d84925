"""The optional peers that are programs with the database inside, driven on their stdin (one JSON command a line, one JSON answer a line): Pocketgres in
.NET, PGlite in Node, and PGlite through pglite-socket, where only the tables are made that way."""
import json
import os
import shutil
import subprocess
import time

from . import measures, processes
from .servers import PATIENCE, PeerError, Program, Server, statements

# Made as pgbench -i does; pgbench itself cannot reach a database inside another program.
PGBENCH_TABLES = """
CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
CREATE TABLE pgbench_tellers (tid int NOT NULL, bid int, tbalance int, filler char(84)) WITH (fillfactor = 100);
CREATE TABLE pgbench_accounts (aid int NOT NULL, bid int, abalance int, filler char(84)) WITH (fillfactor = 100);
CREATE TABLE pgbench_branches (bid int NOT NULL, bbalance int, filler char(88)) WITH (fillfactor = 100);
INSERT INTO pgbench_branches (bid, bbalance) SELECT bid, 0 FROM generate_series(1, {scale}) bid;
INSERT INTO pgbench_tellers (tid, bid, tbalance) SELECT tid, (tid - 1) / 10 + 1, 0 FROM generate_series(1, {scale} * 10) tid;
INSERT INTO pgbench_accounts (aid, bid, abalance, filler) SELECT aid, (aid - 1) / 100000 + 1, 0, '' FROM generate_series(1, {scale} * 100000) aid;
VACUUM ANALYZE;
ALTER TABLE pgbench_branches ADD PRIMARY KEY (bid);
ALTER TABLE pgbench_tellers ADD PRIMARY KEY (tid);
ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid);
"""


def make(name, path, bench, only=()):
    if name == "in-process":
        return InProcess(name, only=only, program=path or os.path.join(bench, "peers/in-process/bin/Release/net10.0/in-process"))
    return Pglite(name, os.path.join(bench, "peers"), socket=name == "pglite-socket")


class Driven:
    """What these peers have in common."""
    in_memory = True
    only = ()       # names of the lines it is asked for; all when empty
    socket = False  # one more port for each database, which measures reach as a server's

    def can(self, line):
        """What needs several sessions, or a cancel, is left out, and what is reached through a port."""
        measure = line.measure
        if line.profile == "tls" or self.only and line.name not in self.only or isinstance(measure, (measures.Latency, measures.IdleConnection, measures.Churn)):
            return False
        if isinstance(measure, measures.Pgbench):
            return self.socket or measure.clients == 1 and not measure.reconnect
        return not getattr(measure, "sessions", 0) and "parallel" not in line.name

    def server(self, directory, settings, work):
        return DrivenServer(self, directory, settings, work)


class InProcess(Driven):
    """Our API and Npgsql in a .NET program: ../peers/in-process."""

    def __init__(self, name, program, only):
        self.name, self.only, self._program = name, only, os.path.abspath(program)
        if not os.path.exists(self._program):
            raise PeerError(f"{self._program} is missing: leave --no-build out")

    def prepare(self, directory):
        """Nothing: the instance makes the directory."""

    def command(self, directory, settings, port):
        return [self._program, directory or "memory", *("=".join(item) for item in settings.items())]

    def version(self):
        with open(self._program + ".deps.json") as f:
            libraries = json.load(f)["libraries"]
        return ", ".join(name.replace("/", " ") for name in libraries if name.split("/")[0] in ("Pocketgres", "Npgsql"))


class Pglite(Driven):
    def __init__(self, name, folder, socket):
        self.name, self.socket = name, socket
        self._program = os.path.join(folder, "pglite.mjs")
        self._modules = os.path.join(folder, "node_modules")
        if not shutil.which("node") or not shutil.which("npm"):
            raise PeerError(f"{name} needs node and npm")
        if not os.path.isdir(self._modules):
            # pglite-socket names an older PGlite and extensions that are not needed here as its peers.
            done = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--legacy-peer-deps"],
                                  cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                raise PeerError("npm install failed: " + done.stderr[-300:])

    def can(self, line):
        """Not with fsync, which PGlite's files know nothing of.
        COPY from the client through pglite-socket 0.2.17 ends in "protocol synchronization was lost", and nothing works after it."""
        if line.profile == "durable" or self.socket and isinstance(line.measure, measures.CopyIn):
            return False
        return super().can(line)

    def prepare(self, directory):
        os.makedirs(directory, exist_ok=True)

    def command(self, directory, settings, port):
        return ["node", self._program, directory or "memory", *([str(port)] if self.socket else []), *("=".join(item) for item in settings.items())]

    def version(self):
        def of(package):
            with open(os.path.join(self._modules, "@electric-sql", package, "package.json")) as f:
                return f"{package} {json.load(f)['version']}"
        node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()
        return ", ".join([of("pglite"), *([of("pglite-socket")] if self.socket else []), f"Node {node}"])


class DrivenServer(Program):
    """A program that is spoken to on its stdin; with pglite-socket one more of them, and a port, for each database."""

    def __init__(self, peer, directory, settings, work):
        super().__init__(peer, directory, settings, work)
        self._served = {}  # database -> a DrivenServer of its own, and the client side of it

    def start(self):
        port = self.port if self.peer.socket else None
        begin = time.perf_counter()
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(self.peer.command(self.directory, self.settings, port),
                                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self._answer()
        if port:
            self._client = Server(self.peer, self.directory, {}, self._work)
            self._client.port = port
            with self._client.connect("postgres") as c:
                c.query("select 1")
        return time.perf_counter() - begin

    def create(self, database, context, work_setup):
        if self.peer.socket:
            server = self._served[database] = DrivenServer(self.peer, os.path.join(self.directory, "of-" + database), self.settings, self._work)
            os.makedirs(server.directory)
            server.start()
            if database not in context.scales:
                with server._client.connect("postgres") as c:
                    for statement in statements(work_setup.format(rows=context.rows)):
                        c.query(statement)
                return
        else:
            server = self
            self._command(operation="open", database=database)
        setup = PGBENCH_TABLES.format(scale=context.scales[database]) if database in context.scales else work_setup.format(rows=context.rows)
        for statement in statements(setup):
            server._command(operation="exec", database="postgres" if self.peer.socket else database, sql=statement)

    def run(self, measure, context):
        if self.peer.socket:
            return measure.run(context, _OneDatabase(self._served[measure.database]))
        done = self._command(database=measure.database, **self._operation(measure, context))
        value = done["count"] / done["elapsed"] * 1e3 if isinstance(measure, measures.Pgbench) else done["elapsed"]
        # Not cpu_us: it is the whole program's, the client's part too, not to be compared with a server's.
        return {"value": value, "program_cpu_us": done["processor"] / done["count"] * 1e3}

    @staticmethod
    def _operation(measure, context):
        if isinstance(measure, measures.Pgbench):
            with open(os.path.join(context.scripts, measure.script + ".sql")) as f:
                return {"operation": "loop", "script": f.read(), "scale": context.scales.get(measure.database, 1),
                        "protocol": measure.protocol, "seconds": context.seconds, "before": measure.before}
        if isinstance(measure, measures.CopyOut):
            return {"operation": "copyOut", "source": measure.source}
        if isinstance(measure, measures.CopyIn):
            return {"operation": "copyIn", "rows": context.rows}
        return {"operation": "time", **{name: getattr(measure, name).format(rows=context.rows) for name in ("before", "statement", "after")}}

    def connect(self, database, timeout=PATIENCE):
        return self._client.connect("postgres", timeout)

    def cpu_seconds(self):
        return sum(processes.cpu_seconds(s.pid) for s in (self, *self._served.values()) if s.running)

    def stop(self):
        for server in self._served.values():
            server.stop()
        if self.running:
            self._process.stdin.close()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process:
            self._process.stdout.close()

    def tail(self):
        with open(self.log, "rb") as f:
            return f.read()[-500:].decode("utf-8", "replace")

    def _command(self, **command):
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            raise PeerError(f"{self.peer.name} ended: {self.tail()}")
        answer = json.loads(line)
        if "error" in answer:
            raise PeerError(f"{self.peer.name}: {answer['error']}")
        return answer["value"]


class _OneDatabase:
    """A port at which there is only the database `postgres`, whatever a measure asks for."""

    def __init__(self, server):
        self.port, self.connect, self.cpu_seconds = server._client.port, server.connect, server.cpu_seconds
