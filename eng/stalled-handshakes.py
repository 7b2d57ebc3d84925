#!/usr/bin/env python3
"""A thousand connections that stall in the handshake of TLS, of three kinds (open and silent, half a ClientHello, a byte now and then), while ten clients connect and work. Those that
the server closes come again. Prints how long the ten wait without and with them, and memory and descriptors before, meanwhile and afterwards; exit code 1 when a client failed or memory
did not return.

    eng/stalled-handshakes.py [POCKETGRES.DLL]      the Release build by default; half a minute
"""
import json
import os
import statistics
import subprocess
import sys
import threading
import time

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(root, "bench"))
from harness import wire  # noqa: E402

import socket  # noqa: E402

STALLED, CLIENTS, SECONDS, PATIENCE = 1000, 10, 8.0, 5
HELLO = bytes([22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3]) + bytes(32) + bytes([0, 0, 2, 0xC0, 0x13, 1, 0])
MEGABYTE = 1 << 20


def start(program):
    server = subprocess.Popen(
        ["dotnet", "exec", program, "serve", "memory:", "--port", "0", "--tls", "-c", f"authentication_timeout={PATIENCE}s", "--log-level", "error", "--parent-pid", str(os.getpid())],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "POCKETGRES_ALLOW_ROOT": "1", "POCKETGRES_TEST_HOOKS": "1"})
    line = server.stdout.readline()
    if not line:
        sys.exit("the server did not start")
    return server, json.loads(line)["port"]


def look(server):
    """MB resident, and descriptors."""
    server.stdin.write("memory\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline())["rss"] / MEGABYTE, len(os.listdir(f"/proc/{server.pid}/fd"))


def work(port):
    """What ten clients wait for a connection over TLS and an answer, in ms."""
    times, failures, end = [], [], time.monotonic() + SECONDS

    def run():
        while time.monotonic() < end:
            begin = time.monotonic()
            try:
                connection = wire.Connection("127.0.0.1", port, "postgres", tls=True)
                connection.query("select 1")
                connection.close()
                times.append((time.monotonic() - begin) * 1000)
            except (OSError, wire.ServerError) as e:
                failures.append(str(e))

    threads = [threading.Thread(target=run) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(times), failures


def stall(port, stop):
    """Keeps the thousand there."""
    sockets, sent, opened = [None] * STALLED, [0] * STALLED, 0
    while not stop.is_set():
        for i in range(STALLED):
            if stop.is_set():
                break
            try:
                if sockets[i] is None:
                    sockets[i], sent[i] = socket.create_connection(("127.0.0.1", port), 10), 0
                    sockets[i].setblocking(False)
                    opened += 1
                    if i % 3 == 1:
                        sockets[i].send(HELLO[:len(HELLO) // 2])
                elif i % 3 == 2 and sent[i] < len(HELLO) - 1:
                    sockets[i].send(HELLO[sent[i]:sent[i] + 1])
                    sent[i] += 1
                elif sockets[i].recv(1) == b"":
                    raise ConnectionResetError
            except BlockingIOError:
                pass
            except OSError:
                if sockets[i] is not None:
                    sockets[i].close()
                sockets[i] = None
        time.sleep(0.1)
    for s in sockets:
        if s is not None:
            s.close()
    print(f"{opened} connections that stall were opened, {STALLED} at a time")


def say(name, times, failures):
    print(f"{name:13} {len(times):6} connections, median {statistics.median(times):6.1f} ms, 99 of 100 {times[len(times) * 99 // 100]:7.1f} ms, longest {times[-1]:7.1f} ms, {len(failures)} failed")


server, port = start(sys.argv[1] if len(sys.argv) > 1 else os.path.join(root, "src/Pocketgres.Cli/bin/Release/net10.0/pocketgres.dll"))
try:
    work(port)  # the code gets hot
    alone = work(port)
    before = look(server)
    stop = threading.Event()
    stallers = threading.Thread(target=stall, args=(port, stop))
    stallers.start()
    time.sleep(2)
    during = work(port)
    meanwhile = look(server)
    stop.set()
    stallers.join()
    deadline = time.monotonic() + 30
    while (after := look(server))[1] > before[1] and time.monotonic() < deadline:
        time.sleep(0.5)
    say("alone", *alone)
    say("beside them", *during)
    for name, (memory, descriptors) in (("before", before), ("meanwhile", meanwhile), ("afterwards", after)):
        print(f"{name:13} {memory:6.0f} MB, {descriptors} descriptors")
    is_good = not alone[1] and not during[1] and after[1] <= before[1] and after[0] < before[0] + 20
finally:
    server.terminate()
    server.wait()
sys.exit(0 if is_good else 1)
