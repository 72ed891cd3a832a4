"""Time exact search and the neighbour graph against the memory and faiss baselines.

Run: python benchmarks/neighbours_bench.py [items] [dim]
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from fgvc_studio.analysis import neighbours, projection, threads


def best(function, repeats=7):
    """Smallest wall time of `function` in ms."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3, sorted(times)[len(times) // 2] * 1e3


def main(items=100_000, dim=1280):
    """Print one line per measurement."""
    threads.prepare()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        vectors = np.lib.format.open_memmap(path, "w+", np.float32, (items, dim))
        centres = rng.standard_normal((500, dim)).astype(np.float32)
        for start in range(0, items, 10_000):
            part = centres[rng.integers(0, 500, min(10_000, items - start))]
            part = part + 0.7 * rng.standard_normal(part.shape).astype(np.float32)
            vectors[start : start + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
        vectors.flush()
        del vectors
        vectors = np.load(path, mmap_mode="r")
        query = np.array(vectors[4711])
        first = time.perf_counter()
        neighbours.search(vectors, query, 20)
        print(
            f"one query, first touch of the memmap  {(time.perf_counter() - first) * 1e3:8.1f} ms"
        )
        low, median = best(lambda: neighbours.search(vectors, query, 20), 21)
        plain, _ = best(lambda: vectors @ query)
        total, _ = best(lambda: float(vectors.reshape(-1).max()))
        print(f"one query, best / median              {low:8.1f} / {median:.1f} ms")
        print(f"baseline numpy vectors @ query        {plain:8.1f} ms, ratio {plain / low:.2f}")
        print(f"baseline one pass over the memory     {total:8.1f} ms, ratio {total / low:.2f}")
        faiss = threads.faiss()
        one, _ = best(lambda: faiss.knn(query[None], vectors, 20, metric=0), 3)
        print(f"baseline faiss.knn, one query         {one:8.1f} ms, ratio {one / low:.2f}")
        queries = np.array(vectors[:1000])
        many, _ = best(lambda: neighbours.search(vectors, queries, 20), 2)
        flops = 2e-6 * 1000 * items * dim / many
        print(f"1,000 queries                         {many:8.1f} ms, {flops:.0f} GFLOP/s")
        for dims in (2, 20):
            spent, _ = best(lambda dims=dims: projection.pca(vectors, dims), 2)
            print(f"PCA to {dims:<3} dimensions                {spent:8.1f} ms")
        sample = np.array(vectors[:10_000])
        graph, _ = best(lambda: neighbours.knn_graph(sample, 15), 2)
        print(f"neighbour graph of 10,000, k = 15     {graph:8.1f} ms")


if __name__ == "__main__":
    main(*(int(value) for value in sys.argv[1:]))
