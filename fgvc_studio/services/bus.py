"""The event bus: services publish facts, views subscribe.

Handlers run in the publishing thread; the GUI subscribes through a bridge that queues into its own
thread.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from fgvc_studio.domain.events import Event

Handler = Callable[[Event], None]


class Bus:
    """Publish/subscribe inside one process."""

    def __init__(self) -> None:
        self._handlers: list[Handler] = []
        self._lock = Lock()

    def subscribe(self, handler: Handler) -> Callable[[], None]:
        """Call `handler` with every event from now on; returns a function that ends this."""
        with self._lock:
            self._handlers.append(handler)

        def unsubscribe() -> None:
            with self._lock:
                if handler in self._handlers:
                    self._handlers.remove(handler)

        return unsubscribe

    def publish(self, event: Event) -> None:
        """Hand `event` to every handler in order of subscription."""
        with self._lock:
            handlers = list(self._handlers)
        for handler in handlers:
            handler(event)
