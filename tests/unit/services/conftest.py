import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def proto_studio(tmp_path):
    """A studio over a copy of a project whose run was trained and prepared."""
    from prototypes_project import make_prepared

    from fgvc_studio.services.studio import Studio

    with Studio.open(make_prepared(tmp_path) / "p.fgvc", who="ana") as studio:
        yield studio
