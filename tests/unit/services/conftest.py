import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def prepared_project(tmp_path_factory):
    """A project whose run was trained and prepared; copy it before writing."""
    import prototypes_kit as kit

    folder = tmp_path_factory.mktemp("prototypes")
    with kit.make_studio(folder) as studio:
        kit.train(studio)
        kit.finish(studio.prototypes.prepare(kit.RUN))
    return folder


@pytest.fixture
def proto_studio(prepared_project, tmp_path):
    """A studio over a copy of `prepared_project`."""
    from fgvc_studio.services.studio import Studio

    shutil.copytree(prepared_project, tmp_path / "copy")
    with Studio.open(tmp_path / "copy" / "p.fgvc", who="ana") as studio:
        yield studio
