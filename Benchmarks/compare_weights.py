#!/usr/bin/env python3
"""What weights of fewer bits change: embeddings, logits and labels against those with f32.

    python3 Benchmarks/compare_weights.py TARN TEXTS.jsonl --embed DIR --classify

TARN is the tool; TEXTS.jsonl has an object with "text" on each line. --embed takes a sentence encoder,
--classify a classifier, or nothing for the one that comes with the tool. Prints, for bf16, f16 and int8,
the largest and the mean difference of an element of the embeddings, the least cosine with f32's embedding,
the largest and the mean difference of the logits of two labels (the logarithm of the ratio of their
scores), and how many texts keep their label.
"""

import argparse
import json
import math
import os
import subprocess

FORMATS = ["f32", "bf16", "f16", "int8"]


def results(tarn, command, directory, texts, weights):
  """One JSON object for each text."""
  words = [tarn, command, "--json", "--weights", weights]
  if command == "classify":
    words.append("--truncate")
  if directory:
    words += ["--model", directory]
  output = subprocess.run(words + [texts], check=True, capture_output=True).stdout
  return [json.loads(line) for line in output.splitlines()]


def embeddings(found, expected):
  differences = [
    abs(x - y)
    for a, b in zip(found, expected)
    for x, y in zip(a["embedding"], b["embedding"])
  ]
  cosines = [
    sum(x * y for x, y in zip(a["embedding"], b["embedding"]))
    / math.hypot(*a["embedding"]) / math.hypot(*b["embedding"])
    for a, b in zip(found, expected)
  ]
  return (
    f"{max(differences):.1e} | {sum(differences) / len(differences):.1e} | {min(cosines):.6f}")


def logits(answer):
  """The logits less the first of them."""
  scores = [math.log(p) for p in answer["scores"].values()]
  return [x - scores[0] for x in scores[1:]]


def labels(found, expected):
  differences = [
    abs(x - y) for a, b in zip(found, expected) for x, y in zip(logits(a), logits(b))
  ]
  same = sum(a["label"] == b["label"] for a, b in zip(found, expected))
  return (
    f"{max(differences):.1e} | {sum(differences) / len(differences):.1e} | "
    f"{same} of {len(expected)}")


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
  parser.add_argument("tarn")
  parser.add_argument("texts")
  parser.add_argument("--embed", metavar="DIR")
  parser.add_argument("--classify", metavar="DIR", nargs="?", const="", default=None)
  arguments = parser.parse_args()
  measured = [
    ("embed", arguments.embed, embeddings, "largest | mean | least cosine"),
    ("classify", arguments.classify, labels, "largest | mean | same label"),
  ]
  for command, directory, compare, heading in measured:
    if directory is None:
      continue
    print(f"\n| {command} {os.path.basename(directory)} | {heading} |")
    print("| --- | --- | --- | --- |")
    expected = results(arguments.tarn, command, directory, arguments.texts, FORMATS[0])
    for weights in FORMATS[1:]:
      found = results(arguments.tarn, command, directory, arguments.texts, weights)
      print(f"| {weights} | {compare(found, expected)} |", flush=True)


if __name__ == "__main__":
  main()
