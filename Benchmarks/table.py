#!/usr/bin/env python3
"""The tables of Docs/Tarn.docc/Performance.md from the rows of a run.

    swift run -c release TarnBenchmarks kernels --json rows.json
    python3 Benchmarks/table.py rows.json [INSTRUCTION_SET]

    swift run -c release TarnBenchmarks models --json models.json
    python3 Benchmarks/table.py models.json

Of kernels nanoseconds for an element and the share of the bound at each length; of models the time of a call,
its memory, and the ratio of each other model's time to PoNet's. In Markdown.
"""

import json
import sys


def unique(values):
    return list(dict.fromkeys(values))


def print_table(header, rows):
    print("| " + " | ".join(header) + " |")
    print("| " + " | ".join("---" for _ in header) + " |")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def print_kernels(rows):
    # Lengths of the picture over the length have but a few kernels.
    counts = {n: sum(r["rows"] == n for r in rows) for n in unique(r["rows"] for r in rows)}
    lengths = sorted(n for n in counts if counts[n] * 2 > max(counts.values()))
    by_place = {(r["operation"], r["rows"]): r for r in rows}
    header = ["kernel"]
    for n in lengths:
        header += [f"{n} rows", "of bound"]
    cells = []
    for name in unique(r["operation"] for r in rows if r["rows"] in lengths):
        line = [name]
        for n in lengths:
            row = by_place.get((name, n))
            line += (
                [f"{row['ns_per_element']:.3f}", f"{row['bound_share'] * 100:.0f} % {row['bound']}"]
                if row else ["", ""])
        cells.append(line)
    print_table(header, cells)


def seconds(row):
    return f"{row['real_time'] * 1e-9:.3g} s" if row else ""


def print_models(rows):
    models = unique(r["operation"] for r in rows)
    threads = sorted(unique(r["threads"] for r in rows))
    by_place = {(r["operation"], r["rows"], r["threads"]): r for r in rows}
    header = ["n"]
    for model in models:
        header += [f"{model}, {count} thread{'s' if count > 1 else ''}" for count in threads]
        header.append("MB")
    header += [f"{model} / {models[-1]}" for model in models[:-1]]
    cells = []
    for n in sorted(unique(r["rows"] for r in rows)):
        line = [str(n)]
        for model in models:
            line += [seconds(by_place.get((model, n, count))) for count in threads]
            first = by_place.get((model, n, threads[0]))
            line.append(f"{first['peak_bytes'] / 1e6:.0f}" if first and "peak_bytes" in first else "")
        last = by_place.get((models[-1], n, threads[0]))
        for model in models[:-1]:
            row = by_place.get((model, n, threads[0]))
            line.append(f"{row['real_time'] / last['real_time']:.2f}" if row and last else "")
        cells.append(line)
    print_table(header, cells)


if len(sys.argv) not in (2, 3):
    sys.exit(__doc__)
with open(sys.argv[1]) as file:
    document = json.load(file)
rows = [r for r in document["benchmarks"] if "rows" in r]
wanted = sys.argv[2] if len(sys.argv) == 3 else document["context"]["instruction_sets"][-1]
kernels = [
    r for r in rows if r["group"] in ("rows", "pooling") and r.get("instruction_set") == wanted]
models = [r for r in rows if r["group"] == "models"]
if kernels:
    print_kernels(kernels)
if models:
    print_models(models)
if not kernels and not models:
    sys.exit(f"{sys.argv[1]}: no rows of kernels for {wanted}, and none of models")
