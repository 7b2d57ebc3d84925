"""The programs that are compared. A peer can make a data directory, start a server on it, and stop it; all answer on TCP, on loopback."""
import os
import shutil
import signal
import socket
import subprocess
import time

from . import processes, wire

PATIENCE = 120  # seconds for a start or a stop, on a machine that may be busy


class PeerError(Exception):
    pass


def statements(script):
    """The statements of a script in which each ends with a semicolon at the end of a line."""
    return [s for s in map(str.strip, script.split(";\n")) if s]


class Program:
    """A program of a peer, running or stopped: with a data directory (None: in memory), settings, a log."""

    def __init__(self, peer, directory, settings, work):
        self.peer, self.directory, self.settings, self._work = peer, directory, dict(settings), work
        self.sockets = None  # a directory for a Unix socket beside TCP, which the server's user may write
        if settings.get("ssl") == "on" and "ssl_cert_file" not in settings:
            self.settings.update(certificate(peer, work))
        self.port = free_port()
        self.log = os.path.join(work, f"{peer.name}-{self.port}.log")
        self._process = None

    @property
    def pid(self):
        return self._process.pid

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    def memory_mb(self):
        return processes.memory_mb(self.pid)


class Server(Program):
    """A program that is reached through its port."""

    def start(self):
        """Starts the program and waits for its first answer; returns the seconds from one to the other."""
        with open(self.log, "ab") as log:
            begin = time.perf_counter()
            self._process = subprocess.Popen(
                self.peer.command(self), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        deadline = begin + PATIENCE
        while True:
            try:
                with self.connect("postgres", timeout=10) as connection:
                    connection.query("select 1")
                return time.perf_counter() - begin
            except (OSError, wire.ServerError) as e:
                if not self.running or time.perf_counter() > deadline:
                    self.stop()
                    raise PeerError(f"{self.peer.name} did not start: {e}\n{self.tail()}") from e
                time.sleep(0.002)

    def connect(self, database, timeout=PATIENCE, tls=False):
        return wire.Connection("127.0.0.1", self.port, database, timeout=timeout, tls=tls)

    def run(self, measure, context):
        """One sample of a measure (see measures.py)."""
        return measure.run(context, self)

    def create(self, database, context, work_setup):
        """Makes one of the databases that lines.py describes."""
        with self.connect("postgres") as c:
            c.query("create database " + database)
        if database in context.scales:
            done = subprocess.run(
                [context.pgbench, "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-i", "-q", "-I", "dtGvp",
                 "-s", str(context.scales[database]), database], capture_output=True, text=True, check=False)
            if done.returncode:
                raise PeerError("pgbench -i: " + done.stderr[-500:])
        else:
            with self.connect(database) as c:
                for statement in statements(work_setup.format(rows=context.rows)):
                    c.query(statement)

    def cpu_seconds(self):
        return processes.cpu_seconds(self.pid)

    def stop(self):
        if not self.running:
            return
        self._process.send_signal(self.peer.stop_signal)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)  # its own session: start_new_session
            self._process.wait()
            raise PeerError(f"{self.peer.name} did not stop in {PATIENCE} s and was killed\n{self.tail()}") from None

    def tail(self):
        with open(self.log, "rb") as f:
            return b"\n".join(f.read().splitlines()[-5:]).decode("utf-8", "replace")


class Ours:
    """`pocketgres serve`."""
    stop_signal = signal.SIGTERM
    in_memory = True

    def __init__(self, name, program, settings=None):
        self.name, self._program, self._settings = name, os.path.abspath(program), settings or {}
        if not os.path.exists(self._program):
            raise PeerError(f"{self._program} is missing: leave --no-build out, or give its path with --peers {name}=PATH")

    def can(self, line):
        return True

    def server(self, directory, settings, work):
        return Server(self, directory, settings, work)

    def prepare(self, directory):
        """Nothing: `serve` makes the directory."""

    def command(self, server):
        program = ["dotnet", self._program] if self._program.endswith(".dll") else [self._program]
        url = "memory:" if server.directory is None else "file:" + server.directory
        settings = [part for item in {**server.settings, **self._settings}.items() for part in ("-c", "=".join(item))]
        sockets = ["--unix-socket-dir", server.sockets] if server.sockets else []
        return [*program, "serve", url, "--port", str(server.port), "--log-level", "warning", *sockets, *settings]

    def version(self):
        return subprocess.run([self._program, "--version"], capture_output=True, text=True, check=False).stdout.strip() or "?"


class Native:
    """PostgreSQL's own server, as an ordinary user because it refuses root."""
    stop_signal = signal.SIGINT  # fast shutdown
    in_memory = False

    def __init__(self, name, programs):
        self.name, self._programs = name, os.path.abspath(programs)
        if not os.path.exists(os.path.join(self._programs, "postgres")):
            raise PeerError(f"{self._programs}/postgres is missing: run eng/pg18.sh")

    def can(self, line):
        return True

    def server(self, directory, settings, work):
        return Server(self, directory, settings, work)

    def prepare(self, directory):
        """initdb with what our template has: UTF-8, C.UTF-8, checksums; not flushed."""
        os.makedirs(directory, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(directory, "nobody")
        done = subprocess.run(
            [*self._as_user(), os.path.join(self._programs, "initdb"), "-D", directory, "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync", "--no-instructions"], cwd="/", capture_output=True, text=True, check=False)
        if done.returncode:
            raise PeerError("initdb: " + done.stderr)

    def command(self, server):
        settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": server.sockets or "", "timezone": "UTC", "log_timezone": "UTC", **server.settings}
        return [*self._as_user(), os.path.join(self._programs, "postgres"), "-D", server.directory, "-p", str(server.port),
                *(part for item in settings.items() for part in ("-c", "=".join(item)))]

    def version(self):
        return subprocess.run([os.path.join(self._programs, "postgres"), "--version"], capture_output=True, text=True, check=False).stdout.strip()

    @staticmethod
    def _as_user():
        return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []


KEYS = {"rsa": ["rsa:2048"], "ec": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]}


def certificate(peer, work, kind="rsa"):
    """Settings that name a self-signed certificate of this peer, made at the first call: a server reads no key of another user's."""
    cert, key = (os.path.join(work, f"{peer.name}-{kind}.{end}") for end in ("crt", "key"))
    if not os.path.exists(key):
        try:
            done = subprocess.run(["openssl", "req", "-new", "-x509", "-nodes", "-newkey", *KEYS[kind], "-days", "7", "-subj", "/CN=localhost", "-out", cert, "-keyout", key],
                                  capture_output=True, text=True, check=False)
        except FileNotFoundError as e:
            raise PeerError("the program openssl is missing: install it, or leave out the lines of the group tls") from e
        if done.returncode:
            raise PeerError("openssl: " + done.stderr[-300:])
        os.chmod(key, 0o600)
        if isinstance(peer, Native) and os.geteuid() == 0:
            shutil.chown(key, "nobody")
    return {"ssl_cert_file": cert, "ssl_key_file": key}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]
