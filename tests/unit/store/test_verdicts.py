"""Verdicts and bans of prototypes: kept, undone, replayed."""

import numpy as np
import pytest
from store_kit import Shop

from fgvc_studio.domain.prototypes import Ban, Judgement, Verdict
from fgvc_studio.store.project import ProjectStore


@pytest.fixture
def shop(tmp_path):
    with ProjectStore.create(tmp_path / "p") as store:
        yield Shop(store)


def judgement(prototype, verdict=Verdict.KEEP, run="st-protopnet-1", note=""):
    vector = np.arange(4, dtype=np.float32)
    return Judgement(
        run, prototype, verdict, note, "ana", 5.0, 7, 0.25, 0.75, "support", 3, "abc", vector
    )


def ban(prototype, reason="a paper label"):
    j = judgement(prototype)
    return Ban(
        j.run, prototype, reason, *(getattr(j, n) for n in Ban.__dataclass_fields__ if n in PLACE)
    )


PLACE = ("who", "at", "item_id", "x", "y", "branch", "category_id", "model", "vector")


def plain(found):
    return [tuple(getattr(one, n) for n in type(one).__dataclass_fields__)[:-1] for one in found]


def test_verdicts_come_back_as_they_were_given(shop):
    given = [judgement(3, Verdict.BACKGROUND, note="a pin"), judgement(1)]
    shop.do(lambda s: s.verdicts.judge(given))
    found = shop.store.verdicts.of_run("st-protopnet-1")
    assert plain(found) == plain(given[::-1])
    assert np.array_equal(found[0].vector, given[0].vector)
    assert shop.store.verdicts.of_run("st-protopnet-2") == []


def test_a_new_verdict_replaces_the_old_one_and_undo_brings_it_back(shop):
    shop.do(lambda s: s.verdicts.judge([judgement(3, Verdict.BACKGROUND, note="a pin")]))
    changes = shop.do(lambda s: s.verdicts.judge([judgement(3, Verdict.KEEP)]))
    assert changes.tables == {"verdicts"} and len(changes.items) == 0
    assert [j.verdict for j in shop.store.verdicts.all()] == [Verdict.KEEP]
    shop.store.operations.undo(who="ana")
    assert [(j.verdict, j.note) for j in shop.store.verdicts.all()] == [
        (Verdict.BACKGROUND, "a pin")
    ]
    shop.store.operations.redo(who="ana")
    shop.do(lambda s: s.verdicts.withdraw("st-protopnet-1", [3]))
    assert shop.store.verdicts.all() == []


def test_bans_are_kept_lifted_undone_and_replayed(shop, tmp_path):
    shop.do(lambda s: s.verdicts.forbid([ban(2), ban(5, "a pin")]))
    shop.do(lambda s: s.verdicts.restore("st-protopnet-1", [2]))
    assert [(b.prototype, b.reason) for b in shop.store.verdicts.all_bans()] == [(5, "a pin")]
    shop.store.operations.undo(who="ana")
    assert [b.prototype for b in shop.store.verdicts.bans_of_run("st-protopnet-1")] == [2, 5]
    assert shop.store.replay(tmp_path / "again").equal


def test_nothing_is_written_outside_an_operation(shop):
    with pytest.raises(RuntimeError, match="record"):
        shop.store.verdicts.judge([judgement(1)])
    assert shop.store.verdicts.all() == []
