"""When Python looks for garbage.

Looking through everything that torch and the other libraries made holds all threads for a third of
a second, and a training makes Python do so again and again. What stands when a training begins is
therefore left out until the project is closed.
"""

from __future__ import annotations

import gc


def before_training() -> None:
    """Load what a training needs, then leave all that stands out of the search."""
    from fgvc_studio.methods import runtime  # noqa: F401
    from fgvc_studio.vision.torch_setup import import_timm

    import_timm()
    gc.freeze()


def project_closed() -> None:
    """Look through everything again: what the project left in circles can go."""
    gc.unfreeze()
