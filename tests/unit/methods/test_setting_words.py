"""What settings are called."""

import dataclasses

import pytest

from fgvc_studio.methods import registry, setting_words
from fgvc_studio.methods.cmd.config import CmdConfig
from fgvc_studio.methods.config import form, told
from fgvc_studio.methods.ecaml.config import EcamlConfig


@pytest.mark.parametrize("method", registry.methods(), ids=lambda m: m.name)
def test_words_name_settings_that_there_are(method):
    names = {field.name for field in form(method.config)}
    assert set(setting_words._OF[method.config.__name__]) <= names
    titles = [field.title for field in form(method.config)]
    assert len(set(titles)) == len(titles)
    assert not any("_" in title for title in titles)


def test_values_are_told_in_words_with_their_unit():
    fields = {f.name: f for f in form(CmdConfig)}
    assert fields["colour_matters"].told(True) == "yes"
    assert fields["momentum"].told(0.0) == "automatic"
    assert fields["warmup"].told(0.1) == "0.1 of the run"
    assert fields["outputs"].told(1024) == "1,024"
    assert {f.name: f for f in form(EcamlConfig)}["confusion"].told(-1.0) == "automatic"


def test_what_differs_from_the_preset_is_marked():
    base = CmdConfig(train="head")
    settings = dataclasses.asdict(dataclasses.replace(base, clip=1.0))
    found = {t.field.name: t for t in told(base, {**settings, "of another version": 3})}
    assert found["clip"].own and found["clip"].shown_first
    assert not found["lr"].shown_first
    assert not found["epochs"].own and found["epochs"].shown_first
