"""What TLS costs, and what it costs those who ask for none: ours and native side by side. See ../README.md."""
import argparse
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from . import lines, measures, servers

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REPOSITORY = os.path.dirname(HERE)
JDBC = "/usr/share/java/postgresql.jar"
TABLE = """
CREATE TABLE big AS SELECT i AS id, (i * 7919::bigint % 1000003)::int AS k, 'the text of row number ' || i AS t FROM generate_series(1, {rows}) i;
VACUUM ANALYZE big;
"""
DOORS = ("off", "ec", "rsa")  # a server each: without TLS, with a key of either kind


def options():
    parser = argparse.ArgumentParser(prog="bench/tls", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--only", default="connect,drivers,plain,copy", metavar="LIST", help="what is measured")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="each peer is asked once in each, with and without")
    parser.add_argument("--connections", type=int, default=100, metavar="N", help="in one sample")
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N", help="of a COPY")
    parser.add_argument("--work", default="/var/tmp", metavar="DIR", help="where the data directories go, for the time of the run")
    parser.add_argument("--peers", default="ours,native", metavar="LIST", help="NAME=PATH is another build's pocketgres")
    return parser.parse_args()


class Samples:
    """Pairs of samples, one after the other: without TLS and with it."""

    def __init__(self):
        self._pairs = {}

    def add(self, line, peer, plain, other):
        self._pairs.setdefault((line, peer), []).append((plain, other))

    def print(self, title, unit, labels):
        if not self._pairs:
            return
        print(f"\n{title}\n\n| | {unit} {labels[0]} | {labels[1]} | ratio (quartiles) | server's CPU, ms | ratio |\n|---|---|---|---|---|---|")
        for (line, peer), pairs in self._pairs.items():
            ratios = [b["ms"] / a["ms"] for a, b in pairs]
            low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
            wall = [median(pair[i]["ms"] for pair in pairs) for i in (0, 1)]
            row = f"| {line}, {peer} | {wall[0]:.2f} | {wall[1]:.2f} | **{median(ratios):.2f}** ({low:.2f}..{high:.2f}) |"
            if "cpu" in pairs[0][0]:
                cpu = [sum(pair[i]["cpu"] for pair in pairs) / len(pairs) for i in (0, 1)]  # sums, as it is counted in steps of 10 ms
                row += f" {cpu[0]:.2f} → {cpu[1]:.2f} | {cpu[1] / cpu[0]:.2f} |"
            else:
                row += " | |"
            print(row, flush=True)


def median(values):
    return statistics.median(list(values))


def pgbench(context, server, tls, script, count, reconnect, host="127.0.0.1"):
    """Milliseconds of wall time and of the server's processor time for each transaction."""
    used, begin = server.cpu_seconds(), time.perf_counter()
    done = subprocess.run(
        [context.pgbench, "-h", host, "-p", str(server.port), "-U", "postgres", "-n", "-t", str(count), *(["-C"] if reconnect else []), "-s", "1",
         "-f", os.path.join(context.scripts, script + ".sql"), "small"],
        capture_output=True, text=True, check=False, timeout=120, env={**os.environ, "PGSSLMODE": "require" if tls else "disable", "PGGSSENCMODE": "disable"})
    elapsed = time.perf_counter() - begin
    tps = re.search(r"^tps = ([0-9.]+)", done.stdout, re.M)
    if done.returncode or not tps:
        raise servers.PeerError("pgbench: " + (done.stderr or done.stdout)[-500:])
    return {"ms": 1e3 / float(tps.group(1)), "cpu": (server.cpu_seconds() - used) / count * 1e3, "elapsed": elapsed}


def in_turn(number, items):
    """Every second round the other way round, so that a drift of the machine favours nobody."""
    return items if number % 2 == 0 else list(reversed(items))


def both(number, measure):
    """What measure(False) and measure(True) say, the second first in every second round."""
    results = {which: measure(which) for which in in_turn(number, [False, True])}
    return results[False], results[True]


def connects(chosen, context, running):
    samples = Samples()
    for number in range(chosen.rounds + 1):
        for name, doors in in_turn(number, list(running.items())):
            for kind in ("ec", "rsa"):
                plain, other = both(number, lambda tls: pgbench(context, doors[kind], tls, "select-1", chosen.connections, True))
                if number:  # the first warms up
                    samples.add(f"libpq, {kind}", name, plain, other)
    samples.print("A connection, `select 1` and the end, by pgbench -C", "ms", ("plain", "TLS"))


def drivers(chosen, running):
    """Drivers that are warm: one process of each asks all servers in turn."""
    targets = [f"{name}/{kind}={doors[kind].port}" for name, doors in running.items() for kind in ("ec", "rsa")]
    peers = os.path.join(HERE, "peers")
    commands = {
        "node-postgres": ["node", os.path.join(peers, "connect.cjs")],
        "pgjdbc": ["java", "-cp", JDBC, os.path.join(peers, "Connect.java")],
        "Npgsql": ["dotnet", "run", "--no-build", "-c", "Release", "--project", os.path.join(HERE, "api"), "--", "connect"],
    }
    samples = Samples()
    for driver, command in commands.items():
        if not shutil.which(command[0]) or driver == "pgjdbc" and not os.path.exists(JDBC):
            print(f"bench/tls: {driver} is not installed and left out", file=sys.stderr)
            continue
        done = subprocess.run([*command, str(chosen.rounds), str(chosen.connections), *targets], capture_output=True, text=True, check=False, timeout=280,
                              env={**os.environ, "NODE_PATH": os.path.join(REPOSITORY, "artifacts/clients/node/node_modules")})
        if done.returncode:
            raise servers.PeerError(f"{driver}: {done.stderr[-500:]}")
        for line in done.stdout.splitlines():
            row = json.loads(line)
            name, kind = row["target"].split("/")
            samples.add(f"{driver}, {kind}", name, {"ms": row["plain"]}, {"ms": row["tls"]})
    samples.print("A connection, `select 1` and the end, by drivers", "ms", ("plain", "TLS"))


def plain(chosen, context, running):
    """Clients that ask for no TLS, with ssl off and on."""
    samples = Samples()
    for number in range(chosen.rounds + 1):
        for name, doors in in_turn(number, list(running.items())):
            for title, script, count, reconnect in (("point selects", "point-select", 20000, False), ("connections", "select-1", chosen.connections, True)):
                for way, host in (("TCP", "127.0.0.1"), ("Unix socket", doors["off"].sockets)):
                    off, on = both(number, lambda on: pgbench(context, doors["ec" if on else "off"], False, script, count, reconnect, host))
                    if number:
                        samples.add(f"{title}, {way}", name, off, on)
    samples.print("Clients that ask for no TLS", "ms", ("ssl=off", "ssl=on"))


def copies(chosen, context, running):
    """COPY, the server on one processor and the client on the others: whichever is slower counts."""
    samples = Samples()
    available = sorted(os.sched_getaffinity(0))
    here, there = {available[0]}, set(available[1:]) or {available[0]}
    for doors in running.values():
        measures.CopyIn().run(context, doors["ec"])
        for task in os.listdir(f"/proc/{doors['ec'].pid}/task"):
            os.sched_setaffinity(int(task), here)
        for pid in servers.processes.tree(doors["ec"].pid):
            os.sched_setaffinity(pid, here)
    os.sched_setaffinity(0, there)
    for number in range(chosen.rounds + 1):
        for name, doors in in_turn(number, list(running.items())):
            for title, make in (("COPY out", lambda tls: measures.CopyOut("big", tls=tls)), ("COPY in", lambda tls: measures.CopyIn(tls=tls))):
                def sample(tls):
                    client = resource.getrusage(resource.RUSAGE_SELF)
                    result = make(tls).run(context, doors["ec"])
                    after = resource.getrusage(resource.RUSAGE_SELF)
                    return {"ms": result["value"], "cpu": result["cpu_us"] / 1e3, "client": after.ru_utime + after.ru_stime - client.ru_utime - client.ru_stime}
                off, on = both(number, sample)
                if number:
                    samples.add(title, name, off, on)
    os.sched_setaffinity(0, set(available))
    samples.print(f"COPY of {chosen.rows:,} rows; server and client have a processor each", "ms", ("plain", "TLS"))


def main():
    chosen = options()
    wanted = set(chosen.only.split(","))
    if wanted - {"connect", "drivers", "plain", "copy"}:
        sys.exit(f"bench/tls: --only takes connect, drivers, plain, copy, not {chosen.only}")
    work = tempfile.mkdtemp(prefix="pocketgres-bench-", dir=chosen.work)
    os.chmod(work, 0o755)  # native runs as another user
    os.mkdir(os.path.join(work, "sockets"))
    os.chmod(os.path.join(work, "sockets"), 0o777)
    context = measures.Context(work=work, pgbench=os.path.join(REPOSITORY, "artifacts/pg18/bin/pgbench"), scripts=os.path.join(HERE, "scripts"), seconds=1,
                               scales={"small": 1}, rows=chosen.rows, idle_seconds=1, connections=chosen.connections)
    running = {}
    try:
        for item in chosen.peers.split(","):
            name, _, path = item.partition("=")
            peer = (servers.Native(name, path or os.path.join(REPOSITORY, "artifacts/pg18/bin")) if name == "native"
                    else servers.Ours(name, path or os.path.join(REPOSITORY, "src/Pocketgres.Cli/bin/Release/net10.0/pocketgres")))
            for door in DOORS:
                if door == "off" and "plain" not in wanted or door == "rsa" and not wanted & {"connect", "drivers"}:
                    continue
                settings = {**lines.PROFILES["main"], **({"ssl": "on", **servers.certificate(peer, work, door)} if door != "off" else {})}
                directory = os.path.join(work, f"{name}-{door}")
                peer.prepare(directory)
                server = peer.server(directory, settings, work)
                server.sockets = os.path.join(work, "sockets")
                running.setdefault(name, {})[door] = server
                server.start()
                server.create("small", context, "")
                server.create("work", context, TABLE)
        if "connect" in wanted:
            connects(chosen, context, running)
        if "drivers" in wanted:
            drivers(chosen, running)
        if "plain" in wanted:
            plain(chosen, context, running)
        if "copy" in wanted:
            copies(chosen, context, running)
    except servers.PeerError as e:
        sys.exit(f"bench/tls: {e}")
    finally:
        for doors in running.values():
            for server in doors.values():
                server.stop()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
