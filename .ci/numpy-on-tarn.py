"""NumPy on Tarn: products in float32 against float64, then NumPy's own tests of linear algebra."""

import ctypes
import multiprocessing
import os
import sys

import numpy as np

failed = 0


def check(name, ok):
    global failed
    if not ok:
        failed += 1
    print(f"{'pass' if ok else 'FAIL'}  {name}")


def product(shape):
    m, k, n = shape
    random = np.random.default_rng(m * k + n)
    a = random.standard_normal((m, k)).astype(np.float32)
    b = random.standard_normal((k, n)).astype(np.float32)
    return a, b


def within_bound(a, b):
    bound = a.shape[-1] * 2.0**-24 * (np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64))
    return np.all(np.abs((a @ b) - a.astype(np.float64) @ b.astype(np.float64)) <= bound * 1.0001)


shapes = [(1, 1, 1), (5, 7, 3), (64, 64, 64), (300, 700, 200), (1, 768, 768), (513, 385, 97)]
for shape in shapes:
    a, b = product(shape)
    check(f"matmul {shape}", within_bound(a, b))
    check(f"matmul {shape}, transposed views", within_bound(b.T, a.T))
a, b = product((300, 700, 200))
check("a row alone has the bits of its row in the batch",
      all(np.array_equal(a[i:i + 1] @ b, (a @ b)[i:i + 1]) for i in range(0, 300, 17)))
check("a product by columns has the bits of the product by rows",
      np.array_equal(np.asfortranarray(a) @ np.asfortranarray(b), a @ b))

# In a child of fork there are no workers; products go on, with the same bits.
with multiprocessing.get_context("fork").Pool(2) as pool:
    together = pool.starmap(np.matmul, [(a, b)] * 4)
check("products in children of fork", all(np.array_equal(x, a @ b) for x in together))

import pytest  # noqa: E402

result = pytest.main(
    ["-q", "-p", "no:cacheprovider", "--pyargs", "numpy.linalg.tests.test_linalg", "-k",
     "single or Single or float32 or Norm"])
check("numpy.linalg.tests.test_linalg, tests of single precision and norms", result == 0)
result = pytest.main(
    ["-q", "-p", "no:cacheprovider", "--pyargs", "numpy.core.tests.test_multiarray", "-k",
     "(Matmul or Dot or TestInner or TestVdot) and not huge"])
check("numpy.core.tests.test_multiarray, products", result == 0)
sys.exit(failed != 0)
