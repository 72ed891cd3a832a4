"""Which space the map, the search and the suggestions use: a decision like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fgvc_studio.domain.events import Event, OpChanges, SpaceChanged

if TYPE_CHECKING:
    from fgvc_studio.services.studio import Studio

TABLE = "choices"
SPACE = "space"
KEPT = "kept"


class Choosing:
    """The choice of a space, and what was decided about runs; each act is one operation.

    Parameters
    ----------
    studio : Studio
    """

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        studio.bus.subscribe(self._handle)

    def space(self) -> str:
        """The space that was chosen; empty when none was."""
        return self._studio.store.choices.get(SPACE) or self._studio.store.get_setting("space")

    def kept(self, run_id: str) -> bool:
        """Whether a run was decided to be kept."""
        return self._studio.store.choices.get(_run(run_id)) == KEPT

    def accept(self, space: str, run_id: str = "") -> OpChanges | None:
        """Use a space for everything; the run that made it counts as kept.

        Raises
        ------
        UserError
            There is no such space.
        """
        name = self._studio.embedding.space(space)
        return self._write(f"Use the space {name}", name, run_id)

    def keep_run(self, run_id: str, space: str = "") -> OpChanges | None:
        """Keep a run; one that made a space has it used for everything."""
        if space:
            return self.accept(space, run_id)
        return self._write(f"Keep the run {run_id}", "", run_id)

    def keep_both(self, space: str, run_id: str = "") -> OpChanges | None:
        """Keep a space beside the one in use.

        Raises
        ------
        UserError
            There is no such space.
        """
        name = self._studio.embedding.space(space)
        used = self._studio.embedding.default_space() or ""
        return self._write(f"Keep the space {name} beside {used}", used, run_id)

    def roll_back(self, space: str, to: str, run_id: str = "") -> OpChanges | None:
        """Use the old space again and keep the run no longer; its files stay until discarded.

        Raises
        ------
        UserError
            There is no space of these names.
        """
        name = self._studio.embedding.space(to)
        return self._write(f"Go back from the space {space} to {name}", name, run_id, "")

    def _write(
        self, summary: str, space: str, run_id: str, decided: str = KEPT
    ) -> OpChanges | None:
        store = self._studio.store
        with store.operations.record(
            "space", summary, who=self._studio.who, run_id=run_id or None
        ) as recording:
            if space:
                store.choices.set(SPACE, space)
            if run_id:
                store.choices.set(_run(run_id), decided)
        if recording.changes is not None:
            self._studio.bus.publish(recording.changes)
        return recording.changes

    def _handle(self, event: Event) -> None:
        """Done, undone or redone: who shows a space looks again."""
        if isinstance(event, OpChanges) and TABLE in event.tables:
            self._studio.bus.publish(SpaceChanged(self._studio.embedding.default_space() or ""))


def _run(run_id: str) -> str:
    return f"run/{run_id}"
