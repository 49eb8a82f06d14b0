#!/usr/bin/env python3
"""Tarn's row and pooling kernels beside PyTorch, ONNX Runtime and NumPy.

    pip install torch onnxruntime onnx numpy
    swift build -c release --product TarnBenchmarks
    python3 Benchmarks/compare.py .build/release/TarnBenchmarks

One thread, float32, 768 columns. Each round runs `TarnBenchmarks kernels --json` and then every
operation of every library; a figure is the median of the rounds, in nanoseconds for an element of the
input. Where a library has several ways, each is tried and the best counts; where it can write into
memory that is there already, it does; data lie as the library wants them (tokens last for its
one-dimensional pooling). Results are compared with NumPy in double precision before anything is timed.
`ratio` is the best rival's time over Tarn's: above 1 Tarn is faster. `bound` and `share` are Tarn's own.

Libraries that are not installed are left out. Nothing needs this script to build or to test.
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

for variable in ("OMP", "OPENBLAS", "MKL"):  # before the libraries are loaded
    os.environ[variable + "_NUM_THREADS"] = "1"

import numpy as np

warnings.filterwarnings("ignore", message=".*index_reduce")

try:
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
except ImportError:
    torch = None
try:
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper
except ImportError:
    ort = None

D = 768
SEGMENT = 25  # tokens of a segment, as in the kernel benchmark
TOP_K = 16  # the soft top-k keeps a sixteenth


class Data:
    """The inputs of one length."""

    def __init__(self, n):
        rng = np.random.default_rng(n)
        draw = lambda *shape: rng.uniform(-1, 1, shape).astype(np.float32)
        self.n = n
        self.x, self.residual, self.table = draw(n, D), draw(n, D), draw(n, D)
        self.gain, self.bias = draw(D), draw(D)
        self.scores = (0.01 + 0.98 * rng.random(n)).astype(np.float32)
        self.labels = np.arange(n) // SEGMENT
        self.starts = np.arange(0, n, SEGMENT)
        self.indices = np.arange(n) * 41 % n
        self.channels = np.ascontiguousarray(self.x.T)[None]  # [1, d, n]
        self.y = np.empty((n, D), np.float32)


# -- References in double precision


def reference_layer_norm(s):
    v = s.x.astype(np.float64) + s.residual
    v -= v.mean(1, keepdims=True)
    return v / np.sqrt((v * v).mean(1, keepdims=True) + 1e-12) * s.gain + s.bias


def reference_softmax(s):
    e = np.exp(s.x.astype(np.float64))
    return e / e.sum(1, keepdims=True)


def reference_gelu(s):
    x = s.x.astype(np.float64)
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def reference_gelu_tanh(s):
    x = s.x.astype(np.float64)
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def padded(x, window):
    """Windows of w rows centred on each row, (w - 1) // 2 of them before it."""
    before = (window - 1) // 2
    edges = ((before, window - 1 - before), (0, 0))
    return np.pad(x, edges, constant_values=-np.inf)


def reference_window_max(window):
    def reference(s):
        p = padded(s.x, window)
        y = p[: s.n].copy()
        for i in range(1, window):
            np.maximum(y, p[i : i + s.n], out=y)
        return y

    return reference


def reference_soft_top_k(s):
    x, p = s.x.astype(np.float64), s.scores.astype(np.float64)
    while len(p) > s.n // TOP_K:
        order = np.argsort(-p, kind="stable")
        left, right = order[: len(p) // 2], order[len(p) // 2 :][::-1]
        w = 1 / (1 + np.exp(20 ** p[right] - 20 ** p[left]))
        back = np.argsort(left, kind="stable")
        left, right, w = left[back], right[back], w[back]
        x = w[:, None] * x[left] + (1 - w)[:, None] * x[right]
        p = w * p[left] + (1 - w) * p[right]
    return x


# -- NumPy: each returns functions that return the result


def numpy_layer_norm(s):
    v, m, y = np.empty_like(s.x), np.empty((s.n, 1), np.float32), s.y

    def run():
        np.add(s.x, s.residual, out=v)
        np.mean(v, axis=1, keepdims=True, out=m)
        np.subtract(v, m, out=v)
        np.multiply(v, v, out=y)
        np.mean(y, axis=1, keepdims=True, out=m)
        np.sqrt(np.add(m, np.float32(1e-12), out=m), out=m)
        np.divide(v, m, out=v)
        np.multiply(v, s.gain, out=y)
        return np.add(y, s.bias, out=y)

    return [run]


def numpy_softmax(s):
    m, y = np.empty((s.n, 1), np.float32), s.y

    def run():
        np.max(s.x, axis=1, keepdims=True, out=m)
        np.exp(np.subtract(s.x, m, out=y), out=y)
        np.sum(y, axis=1, keepdims=True, out=m)
        return np.divide(y, m, out=y)

    return [run]


def numpy_gelu_tanh(s):
    t, y = np.empty_like(s.x), s.y
    a, b = np.float32(0.044715 * math.sqrt(2 / math.pi)), np.float32(math.sqrt(2 / math.pi))

    def run():
        np.multiply(s.x, s.x, out=t)
        np.multiply(t, a, out=t)
        np.multiply(np.add(t, b, out=t), s.x, out=t)
        np.add(np.tanh(t, out=t), np.float32(1), out=t)
        np.multiply(np.multiply(t, np.float32(0.5), out=t), s.x, out=y)
        return y

    return [run]


def numpy_window_max(window):
    def ways(s):
        p = padded(s.x, window)
        view = np.lib.stride_tricks.sliding_window_view(p, window, axis=0)

        def windows():
            return np.max(view, axis=-1, out=s.y)

        def shifted():
            np.maximum(p[: s.n], p[1 : 1 + s.n], out=s.y)
            for i in range(2, window):
                np.maximum(s.y, p[i : i + s.n], out=s.y)
            return s.y

        return [shifted] if window > 7 else [windows, shifted]

    return ways


# -- PyTorch


def torch_layer_norm(s):
    x, r = torch.from_numpy(s.x), torch.from_numpy(s.residual)
    g, b = torch.from_numpy(s.gain), torch.from_numpy(s.bias)
    v, y, m, d = torch.empty_like(x), torch.empty_like(x), torch.empty(s.n, 1), torch.empty(s.n, 1)

    def prepared():
        torch.add(x, r, out=v)
        torch.ops.aten.native_layer_norm.out(v, [D], g, b, 1e-12, out0=y, out1=m, out2=d)
        return y

    return [prepared, lambda: F.layer_norm(torch.add(x, r, out=v), (D,), g, b, 1e-12)]


def torch_unary(function):
    def ways(s):
        x = torch.from_numpy(s.x)
        y = torch.empty_like(x)
        return [lambda: function(x, y)]

    return ways


def torch_window_max(window):
    def ways(s):
        # Padding by hand, for windows of even length are not centred; it is not timed.
        before = (window - 1) // 2
        c = torch.from_numpy(s.channels)
        whole = F.pad(c, (before, window - 1 - before), value=-math.inf).contiguous()
        rows = torch.from_numpy(padded(s.x, window))
        y = torch.empty(s.n, D)

        def shifted():
            torch.maximum(rows[: s.n], rows[1 : 1 + s.n], out=y)
            for i in range(2, window):
                torch.maximum(y, rows[i : i + s.n], out=y)
            return y

        pool = lambda: F.max_pool1d(whole, window, 1)[0].T
        wide = lambda: F.max_pool2d(whole[:, :, :, None], (window, 1), 1)[0, :, :, 0].T
        last = whole[:, :, :, None].to(memory_format=torch.channels_last)
        lanes = lambda: F.max_pool2d(last, (window, 1), 1)[0, :, :, 0].T
        return [pool, wide, lanes] + ([shifted] if window <= 7 else [])

    return ways


def torch_segment_max(s):
    x, labels = torch.from_numpy(s.x), torch.from_numpy(s.labels)
    wide = labels[:, None].expand(s.n, D)
    y = torch.empty(len(s.starts), D)
    lengths = torch.from_numpy(np.diff(np.append(s.starts, s.n)))

    def scatter():
        return y.fill_(-math.inf).scatter_reduce_(0, wide, x, "amax")

    def index():
        return y.fill_(-math.inf).index_reduce_(0, labels, x, "amax")

    return [scatter, index, lambda: torch.segment_reduce(x, "max", lengths=lengths)]


def torch_mean(s):
    x, y = torch.from_numpy(s.x), torch.empty(1, D)
    weight = torch.full((1, s.n), 1 / s.n)
    return [lambda: torch.mean(x, 0, keepdim=True, out=y), lambda: torch.mm(weight, x, out=y)]


def torch_strided_mean(s):
    x, c = torch.from_numpy(s.x), torch.from_numpy(s.channels)
    pairs, y = x.view(-1, 2, D), torch.empty(s.n // 2, D)

    def halves():
        return torch.add(pairs[:, 0], pairs[:, 1], out=y).mul_(0.5)

    return [
        lambda: torch.mean(pairs, 1, out=y), lambda: F.avg_pool1d(c, 2, 2)[0].T, halves]


def torch_gather(s):
    table, i = torch.from_numpy(s.table), torch.from_numpy(s.indices)
    y = torch.empty(s.n, D)
    return [lambda: torch.index_select(table, 0, i, out=y), lambda: F.embedding(i, table)]


def torch_soft_top_k(s):
    x0, p0 = torch.from_numpy(s.x), torch.from_numpy(s.scores)

    def run():
        x, p = x0, p0
        while len(p) > s.n // TOP_K:
            order = torch.argsort(p, descending=True, stable=True)
            left, right = order[: len(p) // 2], order[len(p) // 2 :].flip(0)
            left, back = torch.sort(left)
            right = right[back]
            a, b = p[left], p[right]
            w = torch.sigmoid(20**a - 20**b)
            x = torch.lerp(x[right], x[left], w[:, None])
            p = torch.lerp(b, a, w)
        return x

    return [run]


def torch_fourier(s):
    x, y = torch.from_numpy(s.x), torch.empty(s.n, D, dtype=torch.complex64)
    return [
        lambda: torch.fft.fft2(x, out=y).real,
        lambda: torch.fft.fft(torch.fft.fft(x, dim=1), dim=0).real]


# -- ONNX Runtime: a graph with one input of [n, d] (or [1, d, n]), its output in prepared memory


def onnx_way(s, nodes, inputs, shape, transposes=False, opset=20):
    """A graph that takes and gives arrays which are bound once."""
    value = lambda name, a: helper.make_tensor_value_info(
        name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
    constants = [
        helper.make_tensor(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape, a.tobytes(), raw=True)
        for name, a in inputs.items() if name.startswith("const")]
    given = {k: v for k, v in inputs.items() if not k.startswith("const")}
    graph = helper.make_graph(
        nodes, "g", [value(k, v) for k, v in given.items()],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)], constants)
    model = helper.make_model(
        graph, ir_version=9,
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)])
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    keep = {k: ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(v)) for k, v in given.items()}
    for name, array in keep.items():
        binding.bind_ortvalue_input(name, array)
    output = ort.OrtValue.ortvalue_from_numpy(np.empty(shape, np.float32))
    binding.bind_ortvalue_output("y", output)

    def run():
        session.run_with_iobinding(binding)
        return output

    run.keep = (keep, session)
    run.transposes = transposes
    return run


def onnx_node(kind, *names, domain="", **attributes):
    return helper.make_node(kind, list(names), ["y"], domain=domain, **attributes)


def onnx_layer_norm(s):
    given = {"x": s.x, "r": s.residual, "g": s.gain, "b": s.bias}
    add = helper.make_node("Add", ["x", "r"], ["v"])
    return [
        onnx_way(s, [add, onnx_node("LayerNormalization", "v", "g", "b", epsilon=1e-12)], given, s.x.shape),
        onnx_way(
            s, [onnx_node("SkipLayerNormalization", "x", "r", "g", "b", domain="com.microsoft", epsilon=1e-12)],
            {**given, "x": s.x[None], "r": s.residual[None]}, (1, s.n, D))]


def onnx_unary(kind, **attributes):
    return lambda s: [onnx_way(s, [onnx_node(kind, "x", **attributes)], {"x": s.x}, s.x.shape)]


def onnx_gelu(s):
    return onnx_unary("Gelu")(s) + onnx_unary("Gelu", domain="com.microsoft")(s)


def onnx_gelu_tanh(s):
    return (
        onnx_unary("Gelu", approximate="tanh")(s) + onnx_unary("FastGelu", domain="com.microsoft")(s))


def onnx_window_max(window):
    def ways(s):
        before = (window - 1) // 2
        node = onnx_node(
            "MaxPool", "x", kernel_shape=[window], pads=[before, window - 1 - before], strides=[1])
        return [onnx_way(s, [node], {"x": s.channels}, (1, D, s.n), transposes=True)]

    return ways


def onnx_segment_max(s):
    # Indices are those of an initial tensor of -inf, one for each element.
    shape = (len(s.starts), D)
    given = {
        "constm": np.full(shape, -np.inf, np.float32),
        "consti": np.ascontiguousarray(s.labels[:, None].astype(np.int64)), "x": s.x}
    node = onnx_node("ScatterND", "constm", "consti", "x", reduction="max")
    return [onnx_way(s, [node], given, shape)]


def onnx_mean(s):
    axes = {"consta": np.array([0], np.int64), "x": s.x}
    return [onnx_way(s, [onnx_node("ReduceMean", "x", "consta", keepdims=1)], axes, (1, D))]


def onnx_strided_mean(s):
    node = onnx_node("AveragePool", "x", kernel_shape=[2], strides=[2])
    pairs = {"consta": np.array([1], np.int64), "x": s.x.reshape(-1, 2, D)}
    return [
        onnx_way(s, [node], {"x": s.channels}, (1, D, s.n // 2), transposes=True),
        onnx_way(s, [onnx_node("ReduceMean", "x", "consta", keepdims=0)], pairs, (s.n // 2, D))]


def onnx_gather(s):
    given = {"x": s.table, "i": s.indices.astype(np.int64)}
    return [onnx_way(s, [onnx_node("Gather", "x", "i", axis=0)], given, s.x.shape)]


# -- The table: name, Tarn's names, reference, ways of each library

HALF = lambda s: s.x.astype(np.float64).reshape(-1, 2, D).mean(1)
OPERATIONS = [
    ("layer norm + residual", ["layer-norm-residual"], reference_layer_norm,
     {"numpy": numpy_layer_norm, "torch": torch_layer_norm, "onnx": onnx_layer_norm}),
    ("softmax", ["softmax"], reference_softmax,
     {"numpy": numpy_softmax, "torch": torch_unary(lambda x, y: torch.softmax(x, -1, out=y)),
      "onnx": onnx_unary("Softmax", axis=-1)}),
    ("GELU (erf)", ["gelu"], reference_gelu,
     {"torch": torch_unary(lambda x, y: torch.ops.aten.gelu.out(x, approximate="none", out=y)),
      "onnx": onnx_gelu}),
    ("GELU (tanh)", ["geluTanh"], reference_gelu_tanh,
     {"numpy": numpy_gelu_tanh,
      "torch": torch_unary(lambda x, y: torch.ops.aten.gelu.out(x, approximate="tanh", out=y)),
      "onnx": onnx_gelu_tanh}),
    ("tanh", ["tanh"], lambda s: np.tanh(s.x.astype(np.float64)),
     {"numpy": lambda s: [lambda: np.tanh(s.x, out=s.y)],
      "torch": torch_unary(lambda x, y: torch.tanh(x, out=y)), "onnx": onnx_unary("Tanh")}),
    ("exp", ["exp"], lambda s: np.exp(s.x.astype(np.float64)),
     {"numpy": lambda s: [lambda: np.exp(s.x, out=s.y)],
      "torch": torch_unary(lambda x, y: torch.exp(x, out=y)), "onnx": onnx_unary("Exp")}),
] + [
    (f"maximum, window {w}", [f"sliding-max-{w}"], reference_window_max(w),
     {"numpy": numpy_window_max(w), "torch": torch_window_max(w), "onnx": onnx_window_max(w)})
    for w in (3, 7, 64)
] + [
    ("segment maximum", ["segment-max"], lambda s: np.maximum.reduceat(s.x, s.starts, axis=0),
     {"numpy": lambda s: [lambda o=np.empty((len(s.starts), D), np.float32): np.maximum.reduceat(
         s.x, s.starts, axis=0, out=o)],
      "torch": torch_segment_max, "onnx": onnx_segment_max}),
    ("masked mean", ["masked-mean"], lambda s: s.x.astype(np.float64).mean(0, keepdims=True),
     {"numpy": lambda s: [
         lambda o=np.empty((1, D), np.float32): np.mean(s.x, axis=0, keepdims=True, out=o),
         lambda w=np.full((1, s.n), 1 / s.n, np.float32), o=np.empty((1, D), np.float32): np.matmul(
             w, s.x, out=o)],
      "torch": torch_mean, "onnx": onnx_mean}),
    ("mean of pairs", ["strided-mean"], HALF,
     {"numpy": lambda s: [
         lambda o=np.empty((s.n // 2, D), np.float32): np.multiply(
             np.add(s.x[::2], s.x[1::2], out=o), np.float32(0.5), out=o)],
      "torch": torch_strided_mean, "onnx": onnx_strided_mean}),
    ("gather", ["gather"], lambda s: s.table[s.indices],
     {"numpy": lambda s: [lambda: np.take(s.table, s.indices, axis=0, out=s.y, mode="clip")],
      "torch": torch_gather, "onnx": onnx_gather}),
    ("soft top-k, a sixteenth", ["soft-top-k"], reference_soft_top_k,
     {"torch": torch_soft_top_k}),
    ("FNet mixing", ["fourier-mix"],
     lambda s: np.fft.fft2(s.x.astype(np.float64)).real,
     {"numpy": lambda s: [lambda: np.fft.fft2(s.x).real], "torch": torch_fourier}),
]


def array(result):
    if torch is not None and isinstance(result, torch.Tensor):
        return result.numpy()
    return result if isinstance(result, np.ndarray) else result.numpy()


def check(name, way, expected):
    found = array(way()).reshape(-1) if not getattr(way, "transposes", False) else (
        array(way())[0].T.reshape(-1))
    expected = np.asarray(expected).reshape(-1)
    error = np.max(np.abs(found - expected) / np.maximum(1, np.abs(expected)))
    # FNet's sums are of hundreds of thousands of terms.
    if not error < 2e-3:
        sys.exit(f"{name}: differs from the reference by {error}")


def seconds(way, shortest):
    """The time of one call, of as many as make the clock fine enough."""
    start = time.perf_counter()
    way()
    count = max(1, int(shortest / max(time.perf_counter() - start, 1e-7)))
    start = time.perf_counter()
    for _ in range(count):
        way()
    return (time.perf_counter() - start) / count


def tarn_rows(arguments):
    """{(operation, rows): row} of one run."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.json")
        command = [arguments.benchmarks, "kernels", "--json", path, "--rounds", "3"]
        command += ["--isa", arguments.isa] if arguments.isa else []
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with open(path) as file:
            document = json.load(file)
    best = document["context"]["instruction_sets"][-1]
    rows = [r for r in document["benchmarks"] if r.get("instruction_set") == (arguments.isa or best)]
    return {(r["operation"], r["rows"]): r for r in rows if "rows" in r}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmarks", help="the built TarnBenchmarks")
    parser.add_argument("--rows", type=int, nargs="+", default=[512, 4096, 16384])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--isa", help="Tarn's instruction set, the best without it")
    parser.add_argument("--filter", default="", help="only operations whose name contains it")
    parser.add_argument("--json", help="write all figures to a file")
    arguments = parser.parse_args()
    libraries = ["numpy"] + (["torch"] if torch else []) + (["onnx"] if ort else [])
    versions = {"numpy": np.__version__}
    if torch:
        versions["torch"] = torch.__version__
    if ort:
        versions["onnx"] = ort.__version__
    operations = [o for o in OPERATIONS if arguments.filter in o[0]]

    data = {n: Data(n) for n in arguments.rows}
    ways = {}
    for name, _, reference, implementations in operations:
        for n, s in data.items():
            expected = reference(s)
            for library in libraries:
                if library in implementations:
                    ways[name, n, library] = implementations[library](s)
                    for way in ways[name, n, library]:
                        check(f"{library}, {name}, {n}", way, expected)
    times = {}
    rows = {}
    for i in range(arguments.rounds):
        print(f"round {i + 1} of {arguments.rounds}", file=sys.stderr)
        for key, row in tarn_rows(arguments).items():
            times.setdefault(("tarn",) + key, []).append(row["real_time"])
            rows[key] = row
        for key, functions in ways.items():
            for j, way in enumerate(functions):
                times.setdefault((key, j), []).append(seconds(way, 0.02) * 1e9)

    print("ns for an element, one thread, float32, 768 columns; median of the rounds")
    print(", ".join(f"{k} {v}" for k, v in versions.items()))
    title = f"{'operation':26}{'rows':>7}{'tarn':>9}" + "".join(f"{x:>9}" for x in libraries)
    print(title + f"{'ratio':>8}  {'bound':6}{'share':>7}")
    figures = []
    for name, names, _, _ in operations:
        for n in arguments.rows:
            elements = n * D
            key = next(((x, n) for x in names if ("tarn", x, n) in times), None)
            own = statistics.median(times[("tarn",) + key]) / elements if key else None
            others = {}
            for library in libraries:
                found = [
                    statistics.median(times[(name, n, library), j]) / elements
                    for j in range(len(ways.get((name, n, library), [])))]
                if found:
                    others[library] = min(found)
            ratio = min(others.values()) / own if own and others else None
            row = rows.get(key, {})
            text = lambda v, width=9, digits=3: f"{v:{width}.{digits}f}" if v else " " * (width - 1) + "-"
            share = row.get("bound_share")
            print(
                f"{name:26}{n:7}" + text(own) + "".join(text(others.get(x)) for x in libraries)
                + text(ratio, 8, 2) + f"  {row.get('bound', '-'):6}"
                + (f"{share * 100:5.0f} %" if share else "      -"))
            figures.append(
                {"operation": name, "rows": n, "tarn": own, **others, "ratio": ratio,
                 "bound": row.get("bound"), "bound_share": share})
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump({"versions": versions, "figures": figures}, file, indent=1)


if __name__ == "__main__":
    main()
