"""Adds up what the processes of a counting server wrote (eng/engine/profile.c) and prints it as eng/engine/profile: profile.py DATA-DIRECTORY"""
import collections
import glob
import hashlib
import math
import sys

ENOUGH = 100  # a function that runs less often, or has no branch, has nothing to tell

# What a function's largest counter becomes is this much times its square root: how often functions run relative to each other says only which part of the workload
# was long, and the compiler calls hot what together has 99 % of all counts, which a sort of some seconds would have for itself.
SCALE = 1000

HEADER = """# How often each branch of the server is taken, by eng/profile.sh: "function hash counter...", functions of one file as "file:function"; scaled, so that
# only counters of one function can be compared. The hash is of the function's branches: where it is another one, the function was changed since and the compiler
# takes no notice of the line."""


def uleb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def names(data):
    """Blocks of names, one for each C file: length, length when compressed (0), names between bytes 1; zeros between blocks."""
    found, at = {}, 0
    while at < len(data):
        if data[at] == 0:
            at += 1
            continue
        length, at = uleb(data, at)
        packed, at = uleb(data, at)
        assert packed == 0, "the names are compressed"
        for name in data[at:at + length].split(b"\1"):
            found[int.from_bytes(hashlib.md5(name).digest()[:8], "little")] = name.decode()
        at += length
    return found


def main(directory):
    known = {}
    for path in glob.glob(directory + "/pocketgres.names.*"):
        with open(path, "rb") as file:
            known.update(names(file.read()))
    counts = collections.Counter()
    lengths = {}
    for path in glob.glob(directory + "/pocketgres.counts.*"):
        with open(path, encoding="ascii") as file:
            for line in file:
                name, function_hash, *values = line.split()
                key = (known[int(name, 16)], int(function_hash))
                lengths[key] = len(values)
                for i, value in enumerate(values):
                    # What the compiler computes of a loop's turns may be negative for one that is left early.
                    if int(value) < 1 << 62:
                        counts[key, i] += int(value)
    print(HEADER)
    for key in sorted(lengths):
        values = [counts[key, i] for i in range(lengths[key])]
        if len(values) > 1 and max(values) >= ENOUGH:
            factor = SCALE / max(values) ** 0.5
            print(key[0], key[1], *(math.ceil(value * factor) for value in values))


main(sys.argv[1])
