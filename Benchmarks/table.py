#!/usr/bin/env python3
"""The kernel table of Docs/Tarn.docc/Performance.md from the rows of a run.

    swift run -c release TarnBenchmarks kernels --json rows.json
    python3 Benchmarks/table.py rows.json [INSTRUCTION_SET]

Nanoseconds for an element and the share of the bound at each length, in Markdown.
"""

import json
import sys

if len(sys.argv) not in (2, 3):
    sys.exit(__doc__)
with open(sys.argv[1]) as file:
    document = json.load(file)
best = document["context"]["instruction_sets"][-1]
wanted = sys.argv[2] if len(sys.argv) == 3 else best
rows = [
    r for r in document["benchmarks"]
    if r.get("instruction_set") == wanted and r["group"] in ("rows", "pooling") and "rows" in r]
# Lengths of the picture over the length have but a few kernels.
counts = {n: sum(r["rows"] == n for r in rows) for n in {r["rows"] for r in rows}}
lengths = sorted(n for n in counts if counts[n] * 2 > max(counts.values()))
names = list(dict.fromkeys(r["operation"] for r in rows if r["rows"] in lengths))
print("| kernel | " + " | ".join(f"{n} rows | of bound" for n in lengths) + " |")
print("| --- |" + " --- | --- |" * len(lengths))
for name in names:
    cells = [name]
    for n in lengths:
        row = next((r for r in rows if r["operation"] == name and r["rows"] == n), None)
        cells += (
            [f"{row['ns_per_element']:.3f}", f"{row['bound_share'] * 100:.0f} % {row['bound']}"]
            if row else ["", ""])
    print("| " + " | ".join(cells) + " |")
