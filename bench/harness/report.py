"""From samples to numbers, and from numbers to a table. Results are JSON, one file a run; the table shows the newest result of every line."""
import json
import os

from . import lines, measures

REFERENCE = "native"
IN_PROCESS, IN_NODE = "in-process", "pglite"  # compared with each other too: like with like


def result_of(line, context, samples, failed, other_load, stolen):
    """What is kept of one line: all samples, medians, and for every peer the speed relative to native, round by round."""
    result = {
        "name": line.name, "group": line.group, "title": line.title.format(rows=_short(context.rows), connections=context.connections),
        "unit": line.unit, "more_is_better": line.more_is_better, "ratio_goal": line.ratio_goal, "limit": line.limit, "must": line.must,
        "profile": line.profile, "other_load_cores": round(other_load, 2), "stolen_cores": round(stolen, 2), "failed": failed, "peers": {},
    }
    for name, of_peer in samples.items():
        if not of_peer:
            continue
        values = [s["value"] for s in of_peer]
        peer = result["peers"][name] = {"values": values, "median": measures.median(values), "spread": spread(values)}
        for key in sorted({k for s in of_peer for k in s if k != "value"}):
            peer.setdefault("also", {})[key] = measures.median([s[key] for s in of_peer if key in s])
        if name != REFERENCE:
            peer.update(_compare(line, of_peer, samples.get(REFERENCE, []), "cpu_us"))
        if name == IN_PROCESS:
            peer["against"] = {IN_NODE: _compare(line, of_peer, samples.get(IN_NODE, []), "program_cpu_us")}
    return result


def _compare(line, samples, reference, processor):
    """The speed relative to a reference, round by round: above 1 is better. `processor` is the key of the processor time to compare; nothing without pairs."""
    found = {}
    pairs = [(v["value"], r["value"]) if line.more_is_better else (r["value"], v["value"]) for v, r in zip(samples, reference)]
    ratios = [a / b for a, b in pairs if a > 0 and b > 0]  # 10 ms ticks may make an idle server's time 0
    if ratios:
        found.update(ratios=ratios, ratio=measures.median(ratios), ratio_spread=spread(ratios))
    used = [r[processor] / v[processor] for v, r in zip(samples, reference) if v.get(processor) and r.get(processor)]
    if used:
        found["cpu_ratio"] = measures.median(used)
    return found


def spread(values):
    """Quartiles from five values on, extremes below."""
    ordered = sorted(values)
    return [measures.quantile(ordered, 0.25), measures.quantile(ordered, 0.75)] if len(ordered) >= 5 else [ordered[0], ordered[-1]]


def verdict(result):
    """True or False where the line has a goal and our server a value, else None."""
    ours = result["peers"].get("ours")
    if not ours or (result["limit"] is None and ("ratio" not in ours or result["ratio_goal"] is None)):
        return None
    return ours["median"] <= result["limit"] if result["limit"] is not None else ours["ratio"] >= result["ratio_goal"]


def one_line(result):
    parts = [f"{name} {number(peer['median'])}" + (f" (x {peer['ratio']:.2f}, {_range(peer['ratio_spread'], '.2f')})" if "ratio" in peer else "")
             for name, peer in result["peers"].items()]
    return f"{result['name']:20} {result['unit']:7} " + "   ".join(parts) + f"   [others {result['other_load_cores']:.1f} cores]"


def table(document):
    """The table of one run, in Markdown."""
    return "\n".join([_table([(r, document["run"]) for r in document["lines"]]), *_in_process([document]), _about(document["run"])])


def write(results):
    """Writes RESULTS.md: every line's newest result, and the history of the lines with goals."""
    documents = load(results)
    if not documents:
        return
    rows = newest(documents)
    text = ["# Benchmark results", "",
            "Written by `bench/run`; do not edit. What is measured and how: [README.md](README.md). All samples: [results/](results/).", "",
            "![Speed relative to native PostgreSQL 18](RESULTS.svg)", ""]
    text += [_table(rows), "", *_in_process(documents), "## Runs", ""]
    used = {id(run) for _, run in [*rows, *newest(documents, _both_in_process)]}
    text += [_about(d["run"]) for d in reversed(documents) if id(d["run"]) in used]
    text += ["## History", "", "Speed relative to native (lines without one: our value), oldest first.", "", _history(documents), ""]
    with open(os.path.join(os.path.dirname(os.path.abspath(results)), "RESULTS.md"), "w") as f:
        f.write("\n".join(text))


def load(results):
    documents = []
    for name in sorted(os.listdir(results)):
        if name.endswith(".json"):
            with open(os.path.join(results, name)) as f:
                documents.append(json.load(f))
    return sorted(documents, key=lambda d: d["run"]["date"])


def newest(documents, has=lambda result: "ours" in result["peers"]):
    """(result, run) of every line that still exists, from the newest run that has it with our server (or what `has` asks for)."""
    found = {result["name"]: (result, d["run"]) for d in documents for result in d["lines"] if has(result)}
    return [found[line.name] for line in lines.LINES if line.name in found]


def to_json(document):
    return json.dumps(_rounded(document), indent=1) + "\n"


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _table(rows):
    others = sorted({name for result, _ in rows for name in result["peers"]} - {"ours", REFERENCE})
    head = ["Line", "unit", "ours", "native", "ratio (spread)", "CPU", "goal", *others, "others' load", "run"]
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    group = None
    for result, run in rows:
        if result["group"] != group:
            group = result["group"]
            out.append(f"| **{group}** " + "| " * len(head[1:]) + "|")
        peers = result["peers"]
        ours = peers.get("ours", {})
        cells = [result["title"], result["unit"], *(number(peers[p]["median"]) if p in peers else "failed" if p in result["failed"] else ""
                                                    for p in ("ours", REFERENCE))]
        cells.append(f"**{ours['ratio']:.2f}** ({_range(ours['ratio_spread'], '.2f')})" if "ratio" in ours else "")
        cells.append(f"{ours['cpu_ratio']:.2f}" if "cpu_ratio" in ours else "")
        cells.append(_goal(result))
        cells += [f"{number(peers[p]['median'])}" + (f" ({peers[p]['ratio']:.2f})" if "ratio" in peers[p] else "") if p in peers else "" for p in others]
        cells += [f"{result['other_load_cores']:.1f}", f"{run['date'][:16]} {run['machine']['commit'][:7]}"]
        out.append("| " + " | ".join(cells) + " |")
    return "\n".join(out) + ("\n\nratio: speed relative to native (above 1: ours is faster, or smaller), the median over rounds in which both were measured one "
                             "after the other; CPU: the same of the servers' processor time for one transaction or query, which other work on the machine distorts "
                             "less; spread: quartiles (extremes below 5 rounds). others' load: cores kept busy by anything else meanwhile: "
                             "above about 0.3 the absolute numbers are too low. Latency lines: milliseconds at the 95th percentile.\n")


def _both_in_process(result):
    return "ratio" in result["peers"].get(IN_PROCESS, {}).get("against", {}).get(IN_NODE, {})


def _in_process(documents):
    """The table of our engine inside a .NET program against PGlite inside Node; nothing when no run had both."""
    rows = newest(documents, _both_in_process)
    if not rows:
        return []
    out = ["## In process, against Node PGlite in process", "",
           "| Line | unit | .NET, Npgsql | Node, PGlite | ratio (spread) | CPU | others' load | run |", "|" + "---|" * 8]
    for result, run in rows:
        ours, node = result["peers"][IN_PROCESS], result["peers"][IN_NODE]
        both = ours["against"][IN_NODE]
        cells = [result["title"], result["unit"], number(ours["median"]), number(node["median"]),
                 f"**{both['ratio']:.2f}** ({_range(both['ratio_spread'], '.2f')})", f"{both['cpu_ratio']:.2f}" if "cpu_ratio" in both else "",
                 f"{result['other_load_cores']:.1f}", f"{run['date'][:16]} {run['machine']['commit'][:7]}"]
        out.append("| " + " | ".join(cells) + " |")
    return [*out, "", "Both programs have the database inside, one session, one thread that asks. ratio: speed relative to PGlite; CPU: the same of the whole "
            "program's processor time. Above 1: ours is better.", ""]


def _goal(result):
    goal = f"<= {result['limit']:g} {result['unit']}" if result["limit"] is not None else \
        f">= {result['ratio_goal']:g}" if result["ratio_goal"] is not None else ""
    met = verdict(result)
    return goal + ("" if met is None else " yes" if met else " **no**")


def _about(run):
    m = run["machine"]
    before, after = run["load_average"]["before"][0], run["load_average"]["after"][0]
    settings = "; ".join(f"{lines.PROFILE_TEXT.get(name, name)}: " + ", ".join(f"{k}={v}" for k, v in values.items() if name != "durable" or k == "fsync")
                         for name, values in run["settings"].items())
    return (f"- {run['date'][:16]} on {run['host']}: {m['cores']} cores {m['cpu']}, {m['memory_gb']} GB, Linux {m['kernel']}; commit {m['commit']}"
            f"{' (modified)' if m['modified'] else ''}; " + ", ".join(f"{k}: {v}" for k, v in run["versions"].items()) +
            f"; {run['rounds']} rounds of {run['seconds']} s, {run['rows']} rows, pgbench scales {run['scales']}; load average {before:.1f} before, {after:.1f} after"
            f"{' (**the machine was busy with other work**)' if before > 1 else ''}. Settings, the same on both sides: {settings}.")


def _history(documents):
    names = [line.name for line in lines.LINES if line.must]
    out = ["| Run | commit | " + " | ".join(names) + " |", "|" + "---|" * (len(names) + 2)]
    for d in documents:
        by_name = {r["name"]: r for r in d["lines"]}
        cells = []
        for name in names:
            ours = by_name.get(name, {"peers": {}})["peers"].get("ours")
            with_ratio = ours and "ratio" in ours and by_name[name]["limit"] is None
            cells.append("" if not ours else f"{ours['ratio']:.2f}" if with_ratio else f"{number(ours['median'])} {by_name[name]['unit']}")
        if any(cells):
            out.append(f"| {d['run']['date'][:16]} {d['run']['host']} | {d['run']['machine']['commit'][:7]} | " + " | ".join(cells) + " |")
    return "\n".join(out)


def _range(pair, style):
    return f"{pair[0]:{style}}..{pair[1]:{style}}"


def _short(rows):
    return f"{rows // 1_000_000}M" if rows % 1_000_000 == 0 else f"{rows // 1000}k"


def _rounded(value):
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return [_rounded(v) for v in value] if isinstance(value, (list, tuple)) else value
