#!/usr/bin/env python3
"""Pyramidion's encoder and decoding step beside an equivalent PyTorch module, measured in turn.

    python3 -m venv venv && venv/bin/pip install torch
    swift build -c release --product TarnBenchmarks
    venv/bin/python Benchmarks/compare_pyramidion.py .build/release/TarnBenchmarks --lengths 2048 8192

6 + 6 layers, d = 512, f = 2048, 8 heads, chunks of 512, V = 32001, random weights: a step of four beams, an encoder
that pools to 512 rows (halving them from layer to layer) and one that does not. The module is nn.Linear,
scaled_dot_product_attention and, for the pooling, sort, gather and sigmoid: eager, float32, as many threads as are asked for.
Keys and values of its memory are computed once, and its caches are allocated ahead.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as problem:
    sys.exit(f"compare_pyramidion.py: {problem}; it needs torch")

D, INNER, HEADS, LAYERS, CHUNK, NARROWEST, VOCABULARY, BEAMS = 512, 2048, 8, 6, 512, 512, 32001, 4


def heads(x):
    return x.view(x.shape[0], x.shape[1], HEADS, D // HEADS).transpose(1, 2)


def joined(x):
    return x.transpose(1, 2).reshape(x.shape[0], -1, D)


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.norm = nn.Linear(D, INNER), nn.Linear(INNER, D), nn.LayerNorm(D)

    def forward(self, x):
        return self.norm(x + self.second(F.relu(self.first(x))))


class EncoderLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.joined, self.output, self.norm = nn.Linear(D, 3 * D), nn.Linear(D, D), nn.LayerNorm(D)
        self.scorer, self.inner = nn.Linear(D, 1), FeedForward()

    def forward(self, x, width):
        n = x.shape[1]
        chunks = x.view(-1, min(n, CHUNK), D)
        q, k, v = (heads(part) for part in self.joined(chunks).chunk(3, -1))
        mixed = self.output(joined(F.scaled_dot_product_attention(q, k, v)))
        x = self.inner(self.norm(chunks + mixed)).view(1, n, D)
        scores = torch.sigmoid(self.scorer(x)[..., 0]) + 1e-5
        while x.shape[1] > width:
            order = scores[0].argsort(descending=True, stable=True)
            left, right = order[: len(order) // 2], order[len(order) // 2:].flip(0)
            a, b = scores[:, left], scores[:, right]
            w = torch.sigmoid(20 ** a - 20 ** b)
            place = left.argsort()
            x = (w[..., None] * x[:, left] + (1 - w)[..., None] * x[:, right])[:, place]
            scores = (w * a + (1 - w) * b)[:, place]
        return x


class DecoderLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.joined, self.output, self.norm = nn.Linear(D, 3 * D), nn.Linear(D, D), nn.LayerNorm(D)
        self.query, self.memory = nn.Linear(D, D), nn.Linear(D, 2 * D)
        self.informed, self.cross_norm, self.inner = nn.Linear(D, D), nn.LayerNorm(D), FeedForward()

    def forward(self, x, cache, cross, t):
        q, k, v = (heads(part) for part in self.joined(x[:, None]).chunk(3, -1))
        cache[0][:, :, t], cache[1][:, :, t] = k[:, :, 0], v[:, :, 0]
        own = F.scaled_dot_product_attention(q, cache[0][:, :, : t + 1], cache[1][:, :, : t + 1])
        x = self.norm(x + self.output(joined(own)[:, 0]))
        # The beams are queries of one attention.
        q = heads(self.query(x)[None])
        mixed = joined(F.scaled_dot_product_attention(q, cross[0], cross[1]))[0]
        return self.inner(self.cross_norm(x + self.informed(mixed)))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleList(EncoderLayer() for _ in range(LAYERS))
        self.decoder = nn.ModuleList(DecoderLayer() for _ in range(LAYERS))
        self.words = nn.Embedding(VOCABULARY, D)

    def encode(self, ids, pools):
        x = self.words(ids)[None] * D ** 0.5
        n = len(ids)
        for i, layer in enumerate(self.encoder):
            x = layer(x, max(min(n, NARROWEST), n >> (i + 1)) if pools else n)
        return x

    def steps(self, memory):
        """A function that decodes a token of each beam, again and again."""
        cross = [[heads(part) for part in layer.memory(memory).chunk(2, -1)] for layer in self.decoder]
        shape = (BEAMS, HEADS, 128, D // HEADS)
        caches = [[torch.zeros(shape), torch.zeros(shape)] for _ in self.decoder]
        position = [0]

        def step():
            t = position[0] = (position[0] + 1) % 128
            x = self.words(torch.arange(4, 4 + BEAMS)) * D ** 0.5
            for layer, cache, keys in zip(self.decoder, caches, cross):
                x = layer(x, cache, keys, t)
            return F.linear(x, self.words.weight)

        return step


def timed(body, least=0.3):
    body()
    times = []
    while len(times) < 3 or sum(times) < least:
        start = time.perf_counter()
        body()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def tarn(program, n, threads, rounds):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.json")
        subprocess.run(
            [program, "pyramidion", "--lengths", str(n), "--threads", str(threads), "--rounds", str(rounds),
             "--json", path], check=True, stdout=subprocess.DEVNULL)
        with open(path) as file:
            rows = json.load(file)["benchmarks"]
    return {row["operation"].removeprefix("pyramidion-"): row["real_time"] / 1e9 for row in rows}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="TarnBenchmarks")
    parser.add_argument("--lengths", type=int, nargs="*", default=[2048, 8192])
    parser.add_argument("--threads", type=int, nargs="*", default=[1])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    torch.manual_seed(1)
    model = Model().eval()
    print(f"torch {torch.__version__}; medians of {arguments.rounds} rounds in turn, milliseconds")
    print(f"{'':<18}{'n':>6}{'threads':>9}{'tarn':>10}{'torch':>10}{'ratio':>8}")
    for n in arguments.lengths:
        for threads in arguments.threads:
            torch.set_num_threads(threads)
            ids = torch.arange(n) % (VOCABULARY - 4) + 4
            ours, theirs = {}, {}
            with torch.inference_mode():
                for _ in range(arguments.rounds):
                    for name, seconds in tarn(arguments.program, n, threads, 3).items():
                        ours.setdefault(name, []).append(seconds)
                    for form, pools in (("pooled", True), ("blockwise", False)):
                        encode = lambda: model.encode(ids, pools)
                        step = model.steps(encode())
                        theirs.setdefault("encode-" + form, []).append(timed(encode))
                        theirs.setdefault("step-" + form, []).append(timed(step))
            for name, times in theirs.items():
                a, b = statistics.median(ours[name]), statistics.median(times)
                print(f"{name:<18}{n:>6}{threads:>9}{a * 1e3:>10.2f}{b * 1e3:>10.2f}{b / a:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
