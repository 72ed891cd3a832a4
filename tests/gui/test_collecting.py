"""What Python leaves out when it looks for garbage while a training runs."""

import gc

from fgvc_studio.gui import collecting


def test_what_stands_is_left_out_until_the_project_closes():
    collecting.project_closed()
    try:
        collecting.before_training()
        assert gc.get_freeze_count() > 100_000  # torch and timm alone
    finally:
        collecting.project_closed()
    assert gc.get_freeze_count() == 0
