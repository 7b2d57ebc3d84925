"""Measures this repository's server against native PostgreSQL 18, interleaved: see ../README.md."""
import argparse
import datetime
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from . import chart, driven, lines, machine, measures, report, servers

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
REPOSITORY = os.path.dirname(HERE)
ENVIRONMENT_ERRORS = (OSError, servers.PeerError, servers.wire.ServerError, subprocess.TimeoutExpired)


def options():
    parser = argparse.ArgumentParser(prog="bench/run", description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--only", metavar="REGEX", help="lines whose name, group or group/name matches")
    parser.add_argument("--must", action="store_true", help="only the lines that have a goal the first release must show")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="rounds of each line; in each, every peer is measured once")
    parser.add_argument("--seconds", type=int, default=3, metavar="S", help="length of one measurement of a rate")
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N", help="rows of the tables for the bulk lines")
    parser.add_argument("--peers", metavar="LIST",
                        help="by default ours,native; what is compared: ours, native, in-process (ours inside a .NET program), pglite (inside Node), "
                             "pglite-socket; NAME=PATH is another build's pocketgres")
    parser.add_argument("--smoke", action="store_true", help="about a minute, that only checks that every kind of line works; nothing is kept")
    parser.add_argument("--list", action="store_true", help="say which lines there are")
    parser.add_argument("--no-build", action="store_true", help="measure the build that is there (read by bench/run)")
    parser.add_argument("--results", default=os.path.join(HERE, "results"), metavar="DIR", help="where the JSON goes; the table and chart go beside")
    parser.add_argument("--work", default="/var/tmp", metavar="DIR", help="where the data directories go, for the time of the run")
    parser.add_argument("--host", default=socket.gethostname().split(".")[0], help="the machine's name in the results")
    parser.add_argument("--report", action="store_true", help="only write the table and the chart again from the results")
    return parser.parse_args()


def make_peers(text):
    peers = []
    for item in text.split(","):
        name, _, path = item.partition("=")
        if name == "native":
            peers.append(servers.Native(name, path or os.path.join(REPOSITORY, "artifacts/pg18/bin")))
        elif name in ("in-process", "pglite", "pglite-socket"):
            peers.append(driven.make(name, path, HERE))
        else:
            settings = {"pocketgres.several_cores": "off"} if name == "one-at-a-time" else None
            peers.append(servers.Ours(name, path or os.path.join(REPOSITORY, "src/Pocketgres.Cli/bin/Release/net10.0/pocketgres"), settings))
    return peers


def choose(chosen):
    result = [line for line in lines.LINES
              if (not chosen.smoke or line.smoke) and (not chosen.must or line.must)
              and (not chosen.only or any(re.search(chosen.only, text) for text in (line.name, line.group, f"{line.group}/{line.name}")))]
    if not result:
        sys.exit("bench: no line matches; --list says which there are")
    return result


class Run:
    """One session: the servers of a profile side by side, its lines one after the other, the peers of a line in turn."""

    def __init__(self, chosen, peers, work):
        self.chosen, self.peers = chosen, peers
        smoke = chosen.smoke
        self.context = measures.Context(
            work=work, pgbench=os.path.join(REPOSITORY, "artifacts/pg18/bin/pgbench"), scripts=os.path.join(HERE, "scripts"),
            seconds=1 if smoke else chosen.seconds, scales={"small": 1, "large": 1 if smoke else 8}, rows=5_000 if smoke else chosen.rows,
            idle_seconds=1 if smoke else 20, connections=200)
        self.rounds = 1 if smoke else chosen.rounds
        self.results, self._servers, self._made = [], {}, set()
        self._unable = {}  # peers whose server of this profile did not start, and why

    def measure(self, chosen_lines):
        for profile in lines.PROFILES:
            of_profile = [line for line in chosen_lines if line.profile == profile]
            try:
                self._start(profile, [line for line in of_profile if not line.measure.own])
                for line in of_profile:
                    self.results.append(self._line(line))
            finally:
                self.stop()
        self.results.sort(key=lambda result: [line.name for line in lines.LINES].index(result["name"]))

    def stop(self):
        for server in list(self._servers.values()):
            try:
                server.stop()
            except servers.PeerError as e:
                say(str(e))
        self._servers, self._unable = {}, {}

    def _start(self, profile, of_profile):
        for peer in self.peers:
            databases = {d for line in of_profile if peer.can(line) for d in databases_of(line.measure)}
            if not databases:
                continue
            directory = os.path.join(self.context.work, peer.name + "-cluster")
            if not os.path.isdir(directory):
                peer.prepare(directory)
            server = self._servers[peer.name] = peer.server(directory, lines.PROFILES[profile], self.context.work)
            try:
                server.start()
            except servers.PeerError as e:  # an older build may lack what the profile asks for; the lines before must not be lost for that
                say(str(e))
                self._unable[peer.name] = str(e).splitlines()[0]
                del self._servers[peer.name]
                continue
            for database in sorted(databases):
                if (peer.name, database) not in self._made:
                    say(f"{peer.name}: making database {database}")
                    server.create(database, self.context, lines.WORK_SETUP)
                    self._made.add((peer.name, database))

    def _line(self, line):
        rounds = min(self.rounds, line.rounds or self.rounds)
        peers = [peer for peer in self.peers if peer.can(line)]
        samples = {peer.name: [] for peer in peers}
        failed = {} if line.measure.own else {name: why for name, why in self._unable.items() if name in samples}
        load = machine.OtherLoad(self._servers.values())
        for number in range(rounds):
            # Every second round the other way round, so that a drift of the machine favours nobody.
            for peer in peers if number % 2 == 0 else reversed(peers):
                if peer.name in failed:
                    continue
                try:
                    samples[peer.name].append(self._sample(line, peer))
                except ENVIRONMENT_ERRORS as e:
                    failed[peer.name] = f"{type(e).__name__}: {e}"
                    say(f"{line.name}, {peer.name}: {failed[peer.name]}")
                    self._revive(peer)
        other, stolen = load.cores()
        result = report.result_of(line, self.context, samples, failed, other, stolen)
        say(report.one_line(result))
        return result

    def _sample(self, line, peer):
        if line.measure.own:
            value = line.measure.run(self.context, peer, lines.PROFILES[line.profile])
        else:
            value = self._servers[peer.name].run(line.measure, self.context)
        return value if isinstance(value, dict) else {"value": value}

    def _revive(self, peer):
        server = self._servers.get(peer.name)
        if server and not server.running:
            say(f"{peer.name} had ended; its log: {server.tail()}")
            server.start()


def databases_of(measure):
    return measure.databases if hasattr(measure, "databases") else (measure.database,)


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    chosen = options()
    if chosen.list:
        for line in lines.LINES:
            print(f"{line.group + '/' + line.name:32}{'must  ' if line.must else '      '}{line.title}")
        return 0
    if chosen.report:
        report.write(chosen.results)
        chart.write(chosen.results)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen_lines = choose(chosen)
    try:
        peers = make_peers(chosen.peers or "ours,native")
        if chosen.smoke and not chosen.peers:
            peers.append(driven.make("in-process", "", HERE, only=("point",)))  # one line: that it works
    except servers.PeerError as e:
        sys.exit(f"bench: {e}")
    work = tempfile.mkdtemp(prefix="pocketgres-bench-", dir=chosen.work)
    os.chmod(work, 0o755)  # native runs as another user
    begin, load_before = datetime.datetime.now(datetime.timezone.utc), os.getloadavg()
    run = Run(chosen, peers, work)
    try:
        about = {
            "date": begin.isoformat(timespec="seconds"), "host": chosen.host, "machine": machine.describe(REPOSITORY),
            "versions": {peer.name: peer.version() for peer in peers}, "rounds": run.rounds, "seconds": run.context.seconds,
            "rows": run.context.rows, "scales": run.context.scales, "settings": lines.PROFILES,
        }
        run.measure(chosen_lines)
    finally:
        run.stop()
        shutil.rmtree(work, ignore_errors=True)
    about["load_average"] = {"before": load_before, "after": os.getloadavg()}
    about["minutes"] = round((datetime.datetime.now(datetime.timezone.utc) - begin).total_seconds() / 60, 1)
    document = {"run": about, "lines": run.results}
    print(report.table(document))
    failures = sum(len(r["failed"]) for r in run.results)
    if not chosen.smoke:
        os.makedirs(chosen.results, exist_ok=True)
        path = os.path.join(chosen.results, f"{begin:%Y-%m-%dT%H%M}-{chosen.host}.json")
        with open(path, "w") as f:
            f.write(report.to_json(document))
        report.write(chosen.results)
        chart.write(chosen.results)
        say(f"bench: {os.path.relpath(path)}, {about['minutes']} minutes")
    if failures:
        say(f"bench: {failures} measurements failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
