#!/usr/bin/env python3
"""Time from the start of the process to the first answered query, with a client that costs next to nothing.

usage: eng/measure-start.py [-n RUNS] COMMAND...     for example: eng/measure-start.py ./pocketgres serve file:/tmp/data --port 0
Prints the median and range of: ready line, first answer, processor time of all threads until then (what a busy machine does not
distort as much), stop, and the resident memory at the first answer.
"""
import json, os, re, signal, socket, statistics, struct, subprocess, sys, time

def exact(s, n):
    data = b""
    while len(data) < n:
        part = s.recv(n - len(data))
        if not part:
            raise EOFError("the server closed the connection")
        data += part
    return data

def until_ready(s):
    while True:
        kind, length = struct.unpack("!cI", exact(s, 5))
        body = exact(s, length - 4)
        if kind == b"E":
            raise RuntimeError(body)
        if kind == b"Z":
            return

def query(port):
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = struct.pack("!I", 196608) + b"user\0postgres\0database\0postgres\0\0"
        s.sendall(struct.pack("!I", len(body) + 4) + body)
        until_ready(s)
        text = b"select 1\0"
        s.sendall(b"Q" + struct.pack("!I", len(text) + 4) + text)
        until_ready(s)

def cpu(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                total += int(f.read().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            pass  # ended meanwhile
    return total / 1e6

def run(command):
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    line = process.stdout.readline()
    if not line:
        sys.exit(f"no ready line, exit code {process.wait()}: run the command by hand")
    ready = json.loads(line)
    t_ready = time.perf_counter()
    query(ready["port"])
    t_answer = time.perf_counter()
    with open(f"/proc/{ready['pid']}/status") as f:
        rss = int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024
    used = cpu(ready["pid"])
    process.send_signal(signal.SIGTERM)
    process.wait()
    return [(t_ready - begin) * 1e3, (t_answer - begin) * 1e3, used, (time.perf_counter() - t_answer) * 1e3, rss]

runs, command = 9, sys.argv[1:]
if command[:1] == ["-n"]:
    runs, command = int(command[1]), command[2:]
if not command:
    sys.exit(__doc__)
run(command)  # warms the file cache, makes the data directory
results = [run(command) for _ in range(runs)]
for name, values in zip(("ready line, ms", "first answer, ms", "CPU, ms", "stop, ms", "RSS, MB"), zip(*results)):
    print(f"{name:18} median {statistics.median(values):6.0f}   range {min(values):.0f}..{max(values):.0f}")
