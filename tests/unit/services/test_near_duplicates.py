import numpy as np

from fgvc_studio.services.near_duplicates import RADIUS, NearDuplicates
from fgvc_studio.vision.decode import mirrored_hashes


def reference(hashes, aspects):
    """Plain loops: the earliest original within the radius, mirrored or not, of the same shape."""
    mirrored = mirrored_hashes(hashes)
    unsigned = [int(h) & (2**64 - 1) for h in hashes]
    flipped = [int(h) & (2**64 - 1) for h in mirrored]
    found = []
    for i in range(len(hashes)):
        match = 0
        for j in range(i):
            near = min(
                (unsigned[i] ^ unsigned[j]).bit_count(), (flipped[i] ^ unsigned[j]).bit_count()
            )
            same = abs(aspects[i] - aspects[j]) <= 0.03 * max(aspects[i], aspects[j])
            if near <= RADIUS and same and not found[j]:
                match = j + 1
                break
        found.append(match)
    return found


def some_hashes(rng, count):
    hashes = rng.integers(-(2**63), 2**63 - 1, count)
    for i in range(1, count):
        kind = rng.integers(6)
        if kind < 3:
            source = hashes[rng.integers(i)]
            if kind == 2:
                source = mirrored_hashes(np.array([source]))[0]
            for bit in rng.choice(64, rng.integers(0, 10), replace=False):
                source ^= np.uint64(1 << int(bit)).astype(np.int64)
            hashes[i] = source
    return hashes


def test_agrees_with_plain_loops_in_any_batches():
    rng = np.random.default_rng(3)
    hashes = some_hashes(rng, 300)
    aspects = rng.choice([1.0, 1.01, 1.5], 300)
    expected = reference(hashes, aspects)
    assert 40 < np.count_nonzero(expected) < 240
    ids = np.arange(1, 301)
    for batch in (1, 7, 300):
        index = NearDuplicates(ids[:0], hashes[:0], aspects[:0])
        found = [
            index.add(ids[i : i + batch], hashes[i : i + batch], aspects[i : i + batch])
            for i in range(0, 300, batch)
        ]
        assert np.concatenate(found).tolist() == expected


def test_a_prebuilt_index_finds_what_loops_find():
    rng = np.random.default_rng(4)
    hashes = some_hashes(rng, 400)
    ones = np.ones(400)
    expected = np.array(reference(hashes, ones))
    original = np.flatnonzero(expected[:200] == 0)
    index = NearDuplicates(original + 1, hashes[original], ones[original])
    found = index.add(np.arange(201, 401), hashes[200:], ones[200:])
    assert found.tolist() == expected[200:].tolist()


def test_pictures_without_structure_are_not_compared():
    flat = np.array([0xF0F0F0F0F0F0F0F0] * 3, np.uint64).view(np.int64)
    index = NearDuplicates(np.array([1]), flat[:1], np.ones(1))
    assert index.add(np.array([2, 3]), flat[1:], np.ones(2)).tolist() == [0, 0]
    assert index.add(np.array([], np.int64), flat[:0], np.ones(0)).tolist() == []
