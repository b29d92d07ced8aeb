"""OpenBLAS: the sgemm that comes with numpy, in one thread (OPENBLAS_NUM_THREADS), into memory that is there already."""

import sys
from functools import partial

import numpy as np

from peer import serve


def gemm(m, n, k):
    rng = np.random.default_rng(0)
    a, b = (rng.random(shape, dtype=np.float32) - 0.5 for shape in ((m, k), (k, n)))
    out = np.empty((m, n), np.float32)

    def run(units):
        for _ in range(units):
            np.matmul(a, b, out=out)

    return run


def main():
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    shapes = {"gemm 512×512×512": (512, 512, 512), "gemm 128×1200×784": (128, 1200, 784)}
    cases = {(case, "sgemm"): partial(gemm, *shape) for case, shape in shapes.items()}
    versions = {"OpenBLAS": blas["version"], "numpy": np.__version__, "python": sys.version.split()[0]}
    serve({"name": "openblas", "versions": versions}, cases)


main()
