"""Look-alikes of one item among 100,000 x 1,280 vectors, through the services.

Run: ``python benchmarks/similar_bench.py [--items N | --project P]``. Baselines in the same
process: ``vectors @ query`` with a full argsort, and faiss ``IndexFlatIP``, both on a copy of the
vectors in memory. "cpu" is the time of all threads together. The answers are compared with those
of numpy, item by item.
"""

# ruff: noqa: E402  (the environment is set before the libraries are loaded)

from __future__ import annotations

import time

import common
from common import Row

common.private_home()
common.like_the_program()

import numpy as np

from fgvc_studio.services.studio import Studio

K = 200
QUERIES = 25


def timed(act, queries):
    """Median wall and CPU milliseconds, and the fastest."""
    wall, cpu = [], []
    for q in queries:
        start, used = time.perf_counter(), time.process_time()
        act(q)
        wall.append((time.perf_counter() - start) * 1e3)
        cpu.append((time.process_time() - used) * 1e3)
    return float(np.median(wall)), float(np.median(cpu)), float(np.min(wall))


def main() -> None:
    args = common.arguments(__doc__).parse_args()
    rows = []
    with Studio.open(common.project_of(args), read_only=True) as studio:
        exploring, n = studio.exploring, studio.catalogue.n
        queries = np.random.default_rng(0).integers(1, n + 1, QUERIES).tolist()
        start = time.perf_counter()
        exploring.similar_to_item(queries[0], K)
        first = (time.perf_counter() - start) * 1e3
        for q in queries[:3]:
            exploring.similar_to_item(q, K)
        time.sleep(3)  # what the first search set going in the background
        ours = timed(lambda q: exploring.similar_to_item(q, K), queries)
        near = timed(lambda q: exploring.nearest_labelled(q, 6), queries)
        vectors = np.array(exploring.space().vectors)
        plain = timed(lambda q: np.argsort(-(vectors @ vectors[q - 1]))[: K + 1], queries)
        import faiss

        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        flat = timed(lambda q: index.search(vectors[q - 1 : q], K + 1), queries)
        for q in queries:
            found = exploring.similar_to_item(q, K).item_ids[0]
            scores = vectors @ vectors[q - 1]
            scores[q - 1] = -np.inf
            best = np.sort(scores)[::-1][:K]
            if not np.allclose(scores[found - 1], best, atol=1e-5):
                raise SystemExit(f"wrong neighbours of item {q}")
    shape = f"{n:,} x {vectors.shape[1]}"
    for against, base in (("numpy + argsort", plain), ("faiss IndexFlatIP", flat)):
        note = f"best {ours[2]:.1f}"
        rows.append(
            Row(f"similar, {shape}", "< 30 ms", ours[0], "ms", ours[1], base[0], against, note)
        )
    rows.append(Row("suggestions (nearest labelled)", "", near[0], cpu=near[1]))
    rows.append(Row("first search after opening", "", first))
    common.show(rows, args)


if __name__ == "__main__":
    main()
