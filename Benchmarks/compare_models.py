#!/usr/bin/env python3
"""Tarn's models beside PyTorch, ONNX Runtime, OpenVINO and CTranslate2.

    pip install torch transformers safetensors onnx onnxscript onnxruntime openvino ctranslate2
    swift build -c release
    python3 Benchmarks/compare_models.py .build/release --tarn-model "$(.ci/minilm)"

Random weights of BERT-base, FNet-base, PoNet-base, Funnel B4-4-4 (`funnel` with its decoder, `funnel-base`
without) and of MiniLM's size are written as checkpoints to a temporary directory. Every library loads the same weights, its hidden states are compared with PyTorch's,
and then the time of one forward pass is taken, libraries in turn, round after round; a figure is the
median of the rounds. `ratio` is the best rival's time over Tarn's: above 1 Tarn is faster.

PoNet is written here as it is published: five projections, a masked mean, one attention of n keys, maxima by
pooling and scattering. Funnel is transformers'; its graphs are for one length each. ONNX Runtime runs the graph after its own transformer optimisation where that succeeds.

With `--tarn-model`, the directory of all-MiniLM-L6-v2, the cold start is measured too: from the start of
a process to the first vector of one short sentence, files in the page cache, for `tarn embed` and for
small programs of the other libraries. The vectors are compared first.

PyTorch and transformers make the weights and are needed. What else is not installed is left out, and so is
a library that cannot run a model. Nothing needs this script to build or to test.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

warnings.filterwarnings("ignore")
os.environ.update(TRANSFORMERS_VERBOSITY="error", TQDM_DISABLE="1")

import numpy as np

try:
    import torch
    import torch.nn.functional as F
    from safetensors.torch import load_file, save_file
    from transformers import AutoModel, BertConfig, BertModel, FNetConfig, FNetModel
    from transformers import FunnelBaseModel, FunnelConfig, FunnelModel
except ImportError as problem:
    sys.exit(f"compare_models.py: {problem}; it needs torch, transformers and safetensors")

torch.set_grad_enabled(False)

try:
    import onnxruntime
except ImportError:
    onnxruntime = None
try:
    import openvino
except ImportError:
    openvino = None
try:
    import ctranslate2
except ImportError:
    ctranslate2 = None

VOCABULARY = 30522
SEGMENT = 25  # tokens of a PoNet segment
FUNNEL = ("funnel", "funnel-base")


class PoNetLayer(torch.nn.Module):
    """One layer as published: 14 d² multiply-adds a token."""

    def __init__(self, d, inner, heads):
        super().__init__()
        self.heads = heads
        linear = torch.nn.Linear
        self.q, self.k, self.o, self.local, self.segment, self.out = (linear(d, d) for _ in range(6))
        self.inner, self.outer = linear(d, inner), linear(inner, d)
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(d, eps=1e-12) for _ in range(2))

    def forward(self, h, segments, special):
        n, d = h.shape[1:]
        split = lambda x: x.view(1, -1, self.heads, d // self.heads)
        q = split(self.q(h).mean(1, keepdim=True)).transpose(1, 2)  # [1, heads, 1, e]
        k = split(self.k(h)).transpose(1, 2)  # [1, heads, n, e]
        p = torch.softmax(q @ k.transpose(2, 3) / math.sqrt(d // self.heads), -1)
        v = (p @ k).transpose(1, 2).reshape(1, 1, d)
        index = segments[:, :, None].expand(1, n, d)
        g = self.segment(h)
        maxima = torch.full_like(g, -10000.0).scatter_reduce(1, index, g, "amax")
        s = torch.gather(maxima, 1, index)
        local = self.local(h).masked_fill(special[:, :, None], -10000.0)
        local = F.max_pool1d(local.transpose(1, 2), 3, 1, 1).transpose(1, 2)
        s = s.masked_fill(special[:, :, None], 0.0)
        local = local.masked_fill(special[:, :, None], 0.0)
        h = self.norms[0](h + self.out((v + s) * self.o(h) + local))
        return self.norms[1](h + self.outer(F.gelu(self.inner(h))))


class PoNet(torch.nn.Module):
    """PoNet-base, hidden states only; called with ids and segment numbers."""

    NAMES = {
        "q": "attention.self.dense_q", "k": "attention.self.dense_k", "o": "attention.self.dense_o",
        "local": "attention.self.dense_local", "segment": "attention.self.dense_segment",
        "out": "attention.output.dense", "norms.0": "attention.output.LayerNorm",
        "inner": "intermediate.dense", "outer": "output.dense", "norms.1": "output.LayerNorm",
    }

    def __init__(self, positions, d=768, layers=12, heads=12, inner=3072):
        super().__init__()
        self.config = {
            "model_type": "ponet", "architectures": ["PoNetModel"], "hidden_size": d,
            "num_hidden_layers": layers, "num_attention_heads": heads, "intermediate_size": inner,
            "hidden_act": "gelu", "layer_norm_eps": 1e-12, "vocab_size": VOCABULARY,
            "type_vocab_size": 2, "max_position_embeddings": positions,
        }
        self.word = torch.nn.Embedding(VOCABULARY, d)
        self.position = torch.nn.Embedding(positions, d)
        self.kind = torch.nn.Embedding(2, d)
        self.norm = torch.nn.LayerNorm(d, eps=1e-12)
        self.layers = torch.nn.ModuleList(PoNetLayer(d, inner, heads) for _ in range(layers))
        for p in self.parameters():
            if p.dim() == 2:
                p.normal_(0, 0.02)

    def forward(self, ids, segments):
        x = self.word(ids) + self.kind.weight[0] + self.position.weight[: ids.shape[1]]
        special = (ids == 101) | (ids == 102)
        h = self.norm(x)
        for layer in self.layers:
            h = layer(h, segments, special)
        return h

    def save_pretrained(self, directory):
        tensors = {}
        for name, tensor in self.state_dict().items():
            parts = name.split(".")
            if parts[0] == "layers":
                key, leaf = ".".join(parts[2:-1]), parts[-1]
                name = f"encoder.layer.{parts[1]}.{self.NAMES[key]}.{leaf}"
            else:
                name = "embeddings." + {
                    "word": "word_embeddings.weight", "position": "position_embeddings.weight",
                    "kind": "token_type_embeddings.weight", "norm": "LayerNorm." + parts[-1]}[parts[0]]
            tensors[name] = tensor.contiguous()
        os.makedirs(directory, exist_ok=True)
        save_file(tensors, os.path.join(directory, "model.safetensors"))
        with open(os.path.join(directory, "config.json"), "w") as file:
            json.dump(self.config, file)


class Hidden(torch.nn.Module):
    """The last hidden states of a transformers model, from ids alone."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids):
        return self.model(input_ids=ids).last_hidden_state


class Mask(Hidden):
    """As Hidden, with a mask of ones: what exporters understand."""

    def forward(self, ids, mask):
        return self.model(input_ids=ids, attention_mask=mask).last_hidden_state


def build(name, positions):
    """A model of random weights that are the same each time."""
    torch.manual_seed(2110)
    if name == "ponet":
        return PoNet(positions).eval()
    if name == "fnet":
        c = FNetConfig(vocab_size=VOCABULARY, max_position_embeddings=positions)
        return FNetModel(c, add_pooling_layer=True).eval()
    if name in FUNNEL:
        kind = FunnelModel if name == "funnel" else FunnelBaseModel
        return kind(FunnelConfig(vocab_size=VOCABULARY)).eval()
    sizes = dict(hidden_size=384, num_hidden_layers=6, intermediate_size=1536) if name == "minilm" else {}
    c = BertConfig(max_position_embeddings=positions, **sizes)
    c._attn_implementation = "sdpa"
    return BertModel(c).eval()


def inputs(name, n, batch):
    """CLS, words, SEP for every row."""
    ids = 1000 + np.arange(batch * n, dtype=np.int64).reshape(batch, n) * 7919 % 20000
    ids[:, 0], ids[:, -1] = 101, 102
    if name != "ponet":
        return {"ids": ids}
    segments = 1 + np.arange(n) // SEGMENT
    segments[0], segments[-1] = 0, 2 + (n - 1) // SEGMENT
    return {"ids": ids, "segments": segments[None].astype(np.int64)}


# -- Libraries: each gives a function of (inputs, threads) that gives a function to time


def torch_runner(name, model, directory):
    call = model if name == "ponet" else Hidden(model)

    def prepare(given, threads):
        tensors = [torch.from_numpy(v) for v in given.values()]

        def run():
            torch.set_num_threads(threads)
            return call(*tensors).numpy()

        return run

    return prepare


def fixed(name, given):
    """The length that a graph is for; None if it takes any."""
    return given["ids"].shape[1] if name in FUNNEL else None


def export(name, model, directory, n=None):
    """The model as an ONNX file; lengths and batch are free unless n is given."""
    path = os.path.join(directory, f"model-{n}.onnx" if n else "model.onnx")
    if os.path.exists(path):
        return path
    given = {k: torch.from_numpy(v) for k, v in inputs(name, n or 64, 1).items()}
    call = model
    if name != "ponet":
        model.config._attn_implementation = "eager"
        call = Mask(model) if name != "fnet" else Hidden(model)
        if name != "fnet":
            given["mask"] = torch.ones_like(given["ids"])
    axes = {k: {0: "batch", 1: "n"} for k in list(given) + ["y"]} if n is None else None
    torch.onnx.export(
        call, tuple(given.values()), path, input_names=list(given), output_names=["y"],
        dynamic_axes=axes, opset_version=18, dynamo=False)
    if name != "ponet":
        model.config._attn_implementation = "sdpa"
    return path


def with_mask(name, given):
    return given if name in ("fnet", "ponet") else {**given, "mask": np.ones_like(given["ids"])}


def onnx_runner(name, model, directory):
    path = None if name in FUNNEL else export(name, model, directory)
    if name in ("bert", "minilm"):
        try:
            from onnxruntime.transformers import optimizer

            d, heads = model.config.hidden_size, model.config.num_attention_heads
            optimized = optimizer.optimize_model(
                path, model_type="bert", num_heads=heads, hidden_size=d, opt_level=0, use_gpu=False)
            path = os.path.join(directory, "optimized.onnx")
            optimized.save_model_to_file(path)
        except Exception as problem:  # the plain graph then
            print(f"  ONNX Runtime's optimizer: {problem}", file=sys.stderr)
    sessions = {}

    def prepare(given, threads):
        n = fixed(name, given)
        key = (threads, n)
        if key not in sessions:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            options.inter_op_num_threads = 1
            options.log_severity_level = 3
            sessions[key] = onnxruntime.InferenceSession(
                path or export(name, model, directory, n), options,
                providers=["CPUExecutionProvider"])
        wanted = {i.name for i in sessions[key].get_inputs()}
        feed = {k: v for k, v in with_mask(name, given).items() if k in wanted}
        return lambda: sessions[key].run(None, feed)[0]

    return prepare


def openvino_runner(name, model, directory):
    core = openvino.Core()
    compiled = {}

    def prepare(given, threads):
        n = fixed(name, given)
        key = (threads, n)
        if key not in compiled:
            graph = core.read_model(export(name, model, directory, n))
            compiled[key] = core.compile_model(
                graph, "CPU",
                {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32"})
        request = compiled[key].create_infer_request()
        wanted = {name for port in compiled[key].inputs for name in port.names}
        feed = {k: v for k, v in with_mask(name, given).items() if k in wanted}
        return lambda: next(iter(request.infer(feed).values()))

    return prepare


def ctranslate_runner(name, model, directory):
    from ctranslate2.converters import TransformersConverter

    BertConfig.position_embedding_type = "absolute"  # which transformers 5 no longer has
    target = os.path.join(directory, "ctranslate2")
    if not os.path.exists(target):
        with open(os.path.join(directory, "vocab.txt"), "w") as file:
            file.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [
                f"w{i}" for i in range(VOCABULARY - 5)]))
        with open(os.path.join(directory, "tokenizer_config.json"), "w") as file:
            json.dump({"tokenizer_class": "BertTokenizer"}, file)
        TransformersConverter(directory).convert(target)
    encoders = {}

    def prepare(given, threads):
        if threads not in encoders:
            encoders[threads] = ctranslate2.Encoder(
                target, device="cpu", compute_type="float32", intra_threads=threads)
        ids = [row.tolist() for row in given["ids"]]
        return lambda: np.asarray(encoders[threads].forward_batch(ids).last_hidden_state)

    return prepare


LIBRARIES = {
    "torch": torch_runner,
    "onnxruntime": onnx_runner if onnxruntime else None,
    "openvino": openvino_runner if openvino else None,
    "ctranslate2": ctranslate_runner if ctranslate2 else None,
}

# ONNX has no transform of two axes, CTranslate2 neither FNet, PoNet nor Funnel.
MODELS = {
    "torch": ("bert", "minilm", "ponet", "fnet", *FUNNEL),
    "onnxruntime": ("bert", "minilm", "ponet", *FUNNEL),
    "openvino": ("bert", "minilm", "ponet", *FUNNEL), "ctranslate2": ("bert", "minilm"),
}


class Tarn:
    """The benchmark and the tool of a build."""

    def __init__(self, build):
        self.bench, self.tool = (os.path.join(build, x) for x in ("TarnBenchmarks", "tarn"))

    def difference(self, name, directory, given, expected):
        """The largest difference of the hidden states, relative to the largest of them."""
        path, result = (os.path.join(directory, x) for x in ("in.safetensors", "out.safetensors"))
        names = {"ids": "input_ids", "segments": "segment_ids"}
        save_file({names[k]: torch.from_numpy(v) for k, v in given.items()}, path)
        subprocess.run(
            [self.tool, "run", "--model", directory, "--inputs", path, "--output", result], check=True)
        tensors = load_file(result)
        found = tensors.get("last_hidden_state")
        if found is None:  # PoNet's are numbered
            layers = [int(k.split(".")[1]) for k in tensors if k.startswith("hidden_states.")]
            found = tensors[f"hidden_states.{max(layers)}"]
        return relative(found.numpy(), expected)

    def seconds(self, directory, n, batch, threads):
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            subprocess.run(
                [self.bench, "models", "--model", directory, "--lengths", str(n), "--batch", str(batch),
                 "--threads", str(threads), "--rounds", "1", "--json", file.name],
                check=True, stdout=subprocess.DEVNULL)
            rows = json.load(open(file.name))["benchmarks"]
        assert len(rows) == 1, rows
        return rows[0]["real_time"] * {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}[rows[0]["time_unit"]]


def relative(found, expected):
    return float(np.abs(found - expected).max() / np.abs(expected).max())


# -- Cold start: one process that prints one vector

SENTENCE = "A man is playing a guitar on the street."

# Each gets the model's directory and the directory of what was converted for it.
PROGRAMS = {
    "torch": """
import sys, torch
from transformers import AutoModel, AutoTokenizer
torch.set_grad_enabled(False)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
given = tokenizer(sys.argv[3], return_tensors="pt")
x = AutoModel.from_pretrained(sys.argv[1])(**given).last_hidden_state[0].numpy()
""",
    "onnxruntime": """
import sys, numpy as np, onnxruntime
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1] + "/tokenizer.json")
tokenizer.no_padding()
ids = np.array([tokenizer.encode(sys.argv[3]).ids])
session = onnxruntime.InferenceSession(sys.argv[2] + "/model.onnx", providers=["CPUExecutionProvider"])
x = session.run(None, {"ids": ids, "mask": np.ones_like(ids)})[0][0]
""",
    "openvino": """
import sys, numpy as np, openvino
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1] + "/tokenizer.json")
tokenizer.no_padding()
ids = np.array([tokenizer.encode(sys.argv[3]).ids])
options = {"INFERENCE_PRECISION_HINT": "f32"}
model = openvino.Core().compile_model(sys.argv[2] + "/model.onnx", "CPU", options)
x = next(iter(model({"ids": ids, "mask": np.ones_like(ids)}).values()))[0]
""",
    "ctranslate2": """
import sys, numpy as np, ctranslate2
from tokenizers import Tokenizer
tokenizer = Tokenizer.from_file(sys.argv[1] + "/tokenizer.json")
tokenizer.no_padding()
ids = tokenizer.encode(sys.argv[3]).ids
model = ctranslate2.Encoder(sys.argv[2] + "/ctranslate2", compute_type="float32")
x = np.asarray(model.forward_batch([ids]).last_hidden_state)[0]
""",
}

VECTOR = """
import json
v = x.mean(0)
print(json.dumps((v / (v @ v) ** 0.5).tolist()))
"""


def cold_start(tarn, model, libraries, rounds, folder):
    """Milliseconds from the start of a process to its vector."""
    converted = os.path.join(folder, "cold")
    os.makedirs(converted)
    commands = {"tarn": [tarn.tool, "embed", "--model", model, "--json"]}
    for library in libraries:
        try:
            if library in ("onnxruntime", "openvino"):
                network = AutoModel.from_pretrained(model).eval()
                export("minilm", network, converted)
            if library == "ctranslate2":
                from ctranslate2.converters import TransformersConverter

                BertConfig.position_embedding_type = "absolute"
                TransformersConverter(model).convert(os.path.join(converted, "ctranslate2"))
        except Exception as problem:
            print(f"  cold start, {library}: left out: {str(problem)[:200]}", file=sys.stderr)
            continue
        commands[library] = [
            sys.executable, "-c", PROGRAMS[library] + VECTOR, model, converted, SENTENCE]

    def run(name):
        text = SENTENCE if name == "tarn" else None
        start = time.perf_counter()
        done = subprocess.run(
            commands[name], input=text, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - start
        vector = json.loads(done.stdout.strip().splitlines()[-1])
        return seconds, np.array(vector["embedding"] if name == "tarn" else vector)

    _, expected = run("tarn")
    for name in list(commands):
        try:
            off = relative(run(name)[1], expected)
            if off > 1e-4:
                raise ValueError(f"vectors differ by {off:.1e} of the largest")
        except Exception as problem:
            del commands[name]
            reason = getattr(problem, "stderr", None) or str(problem)
            print(f"  cold start, {name}: left out: {reason.strip()[-200:]}", file=sys.stderr)
    times = {name: [] for name in commands}
    for _ in range(max(3, rounds)):
        for name in commands:
            times[name].append(run(name)[0])
    return {name: statistics.median(v) for name, v in times.items()}


def show_cold_start(medians, libraries):
    best = min((v for k, v in medians.items() if k != "tarn"), default=math.nan)
    print("\nFrom the start of a process to the vector of one sentence, ms:\n")
    print("| Tarn | " + " | ".join(libraries) + " | ratio |")
    print("| --- " * (2 + len(libraries)) + "|")
    cells = [f"{1e3 * medians[k]:.0f}" if k in medians else "" for k in ["tarn", *libraries]]
    print("| " + " | ".join(cells) + f" | {best / medians['tarn']:.1f} |", flush=True)


def show_sentences(results, libraries):
    results = [r for r in results if r["model"] == "minilm"]
    if not results:
        return
    print("\nMiniLM's size, sentences a second:\n")
    print("| n | batch | threads | Tarn | " + " | ".join(libraries) + " |")
    print("| --- " * (4 + len(libraries)) + "|")
    for r in results:
        rates = {k: r["batch"] / v for k, v in r["seconds"].items()}
        cells = [f"{rates[k]:.0f}" if k in rates else "" for k in ["tarn", *libraries]]
        print(f"| {r['n']} | {r['batch']} | {r['threads']} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", help="directory of TarnBenchmarks and tarn, as .build/release")
    parser.add_argument("--models", nargs="*", default=["bert", "ponet", "fnet", "funnel", "minilm"])
    parser.add_argument(
        "--lengths", nargs="+", type=int,
        help="tokens; 128 512 2048 4096 without it, 32 128 for minilm, in batches of 1 and 32")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--libraries", nargs="+", default=[k for k, v in LIBRARIES.items() if v])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tarn-model", metavar="DIR", help="all-MiniLM-L6-v2: measure the cold start")
    parser.add_argument("--json", help="write the figures to this file")
    options = parser.parse_args()
    for library in options.libraries:
        if not LIBRARIES.get(library):
            parser.error(f"{library} is not installed, or none of {', '.join(LIBRARIES)}")
    tarn = Tarn(options.build)
    results, cold = [], None
    print("| model | n | batch | threads | Tarn, ms | " + " | ".join(options.libraries) + " | ratio |")
    print("| --- " * (6 + len(options.libraries)) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models:
            directory = os.path.join(folder, name)
            batches = (1, 32) if name == "minilm" else (1,)
            lengths = options.lengths or ([32, 128] if name == "minilm" else [128, 512, 2048, 4096])
            shapes = [(n, b) for n in lengths for b in batches]
            model = build(name, max(64, *lengths))
            model.save_pretrained(directory)
            runners = {}
            small = inputs(name, 64, 1)
            expected = torch_runner(name, model, directory)(small, 1)()
            for library in options.libraries:
                if name not in MODELS[library]:
                    continue
                try:
                    runners[library] = LIBRARIES[library](name, model, directory)
                    off = relative(runners[library](small, 1)(), expected)
                    if off > 1e-3:
                        raise ValueError(f"hidden states differ by {off:.1e} of the largest")
                except Exception as problem:
                    runners.pop(library, None)
                    print(f"  {name}, {library}: left out: {str(problem)[:200]}", file=sys.stderr)
            off = tarn.difference(name, directory, small, expected)
            print(f"  {name}: Tarn and PyTorch differ by {off:.1e} of the largest", file=sys.stderr)
            assert off < 1e-4
            for n, batch in shapes:
                given = inputs(name, n, batch)
                for threads in options.threads:
                    calls = {}
                    for library, runner in runners.items():
                        try:
                            calls[library] = runner(given, threads)
                            calls[library]()
                        except Exception as problem:  # such as memory that is not there
                            calls.pop(library, None)
                            reason = str(problem)[:200]
                            print(f"  {name}, n = {n}, {library}: left out: {reason}", file=sys.stderr)
                    times = {k: [] for k in ["tarn", *calls]}
                    for _ in range(options.rounds):
                        times["tarn"].append(tarn.seconds(directory, n, batch, threads))
                        for library, call in calls.items():
                            time.sleep(0.2)  # threads of the one before come to rest
                            call()
                            start = time.perf_counter()
                            count = 0
                            while count == 0 or time.perf_counter() - start < 0.3:
                                call()
                                count += 1
                            times[library].append((time.perf_counter() - start) / count)
                    medians = {k: statistics.median(v) for k, v in times.items()}
                    best = min((v for k, v in medians.items() if k != "tarn"), default=math.nan)
                    ratio = best / medians["tarn"]
                    results.append(
                        {"model": name, "n": n, "batch": batch, "threads": threads, "seconds": medians,
                         "ratio": ratio})
                    cells = [f"{1e3 * medians[k]:.2f}" if k in medians else "" for k in options.libraries]
                    print(
                        f"| {name} | {n} | {batch} | {threads} | {1e3 * medians['tarn']:.2f} | "
                        + " | ".join(cells) + f" | {ratio:.2f} |", flush=True)
        show_sentences(results, options.libraries)
        if options.tarn_model:
            cold = cold_start(tarn, options.tarn_model, options.libraries, options.rounds, folder)
            show_cold_start(cold, options.libraries)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"rounds": options.rounds, "results": results, "cold_start": cold}, file, indent=1)


if __name__ == "__main__":
    main()
