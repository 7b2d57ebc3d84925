# Reads metrics in Prometheus' text format on stdin by Prometheus' own parser and prints what it understood: {sample name: {type, help, labels: [names], values: {"name=value,...": number}}}.
# PYTHONPATH has prometheus_client (eng/operators-tools.sh).
import json
import sys

from prometheus_client.parser import text_string_to_metric_families

samples = {}
for family in text_string_to_metric_families(sys.stdin.read()):
    for sample in family.samples:
        found = samples.setdefault(sample.name, {"type": family.type, "help": family.documentation, "labels": sorted(sample.labels), "values": {}})
        if found["labels"] != sorted(sample.labels):
            sys.exit(f"{sample.name} has the labels {found['labels']} and {sorted(sample.labels)}")
        key = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
        if key in found["values"]:
            sys.exit(f"{sample.name}{{{key}}} is there twice")
        found["values"][key] = str(sample.value)
json.dump(samples, sys.stdout)
