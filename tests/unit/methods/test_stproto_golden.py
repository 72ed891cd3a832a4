"""ST-ProtoPNet against arrays of the published algorithm."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fgvc_studio.analysis.localisation import ReceptiveField, percentile_box, upsampled
from fgvc_studio.methods.st_protopnet import losses
from fgvc_studio.methods.st_protopnet.config import StProtoConfig
from fgvc_studio.methods.st_protopnet.model import Shape, StProtoNet
from fgvc_studio.methods.st_protopnet.projection import project

GOLDEN = Path(__file__).parents[2] / "golden"
EXACT = StProtoConfig(exact=True)
UNITS = ["stproto_losses_unit_C20K10D64", "stproto_losses_raw_C6K5D64"]
NEGATIVE = "stproto_losses_negative_C4K3D8"
TINY = ["stproto_cropped_tiny", "stproto_full_tiny_vgg", "stproto_full_tiny_res"]
TERMS = {
    "cross_entropy": "cross_entropy_{b}",
    "cluster": "cluster_cost_{b}",
    "separation": "separation_cost_{b}",
    "orthogonality": "orth_cost_{b}",
    "l1": "l1_{b}",
}
PAIRS = {"trivial": "discrimination_cost", "support": "closeness_cost"}


def arrays(name):
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as file:
        return {k: torch.tensor(file[k]) for k in file.files}


def close(found, wanted, rtol=1e-5, atol=1e-6):
    torch.testing.assert_close(found.double(), wanted.double(), rtol=rtol, atol=atol)


def tangent(gradient, prototypes):
    unit = F.normalize(prototypes, dim=1)
    return gradient - (gradient * unit).sum(1, keepdim=True) * unit


def check_terms(terms, g, prefix, branch):
    for name, key in TERMS.items():
        close(getattr(terms, name).detach(), g[prefix + key.format(b=branch)])
    close(terms.class_pairs.detach(), g[prefix + PAIRS[branch]])


@pytest.mark.parametrize("branch", losses.BRANCHES)
@pytest.mark.parametrize("name", [*UNITS, NEGATIVE])
def test_losses_and_their_gradients(name, branch):
    g = arrays(name)
    prototypes = g[f"in/prototypes_{branch}"].flatten(1).requires_grad_()
    last, logits, maxima = (
        g[f"in/{k}_{branch}"].requires_grad_() for k in ("last", "logits", "max_sim")
    )
    terms = losses.branch_loss(branch, logits, maxima, prototypes, last, g["in/y"], EXACT)
    check_terms(terms, g, "loss/", branch)
    close(terms.total.detach(), g[f"loss/total_{branch}_batch"])
    terms.total.backward()
    given, short = f"grad_{branch}_batch/", branch[0]
    close(last.grad, g[f"{given}last_layer_{branch}.weight"])
    close(logits.grad, g[f"{given}l{short}"])
    close(maxima.grad, g[f"{given}m{short}"])
    wanted = g[f"{given}prototype_vectors_{branch}"].flatten(1)
    close(tangent(prototypes.grad, prototypes.detach()), tangent(wanted, prototypes.detach()))


def test_the_default_masks_do_not_stall_on_negative_maxima():
    g = arrays(NEGATIVE)
    maxima, labels = g["in/max_sim_trivial"].requires_grad_(), g["in/y"]
    mine = losses.own_class(4, 3)[labels]
    assert float(losses.best_of(maxima.detach(), mine, exact=True)) == 0
    near = losses.best_of(maxima, mine)
    wanted = maxima.detach().unflatten(1, (4, 3))[torch.arange(6), labels].amax(1).mean()
    close(near.detach(), wanted)
    near.backward()
    assert int((maxima.grad > 0).sum()) == 6


def body():
    layers = nn.Sequential()
    layers.add_module("c1", nn.Conv2d(3, 8, 3, 4, 1))
    layers.add_module("a1", nn.ReLU())
    layers.add_module("c2", nn.Conv2d(8, 16, 3, 2, 1))
    layers.add_module("a2", nn.ReLU())
    return layers


def layer_names(name):
    return ("0", "2") if "cropped" in name else ("1", "2")


def parameters(net, name):
    """Our parameters by the names of the arrays."""
    found = {f"features.{k}": v for k, v in net.body.named_parameters()}
    for b in losses.BRANCHES:
        branch = net.branch(b)
        for at, layer in zip(layer_names(name), (branch.first, branch.second), strict=True):
            found[f"add_on_layers_{b}.{at}.weight"] = layer.weight
            found[f"add_on_layers_{b}.{at}.bias"] = layer.bias
        found[f"prototype_vectors_{b}"] = branch.prototypes
        found[f"last_layer_{b}.weight"] = branch.last
    return found


def tiny(name, g):
    variant = "cropped" if "cropped" in name else "full"
    upsample = 2 if name.endswith("res") else 1
    net = StProtoNet(body(), Shape(4, 3, 8, 16), variant=variant, upsample=upsample)
    with torch.no_grad():
        for key, value in parameters(net, name).items():
            value.copy_(g[f"param/{key}"].view_as(value))
    config = dataclasses.replace(EXACT, variant=variant, map_upsample=upsample)
    return net, config


@pytest.mark.parametrize("name", TINY)
def test_forward(name):
    g = arrays(name)
    net, _ = tiny(name, g)
    with torch.no_grad():
        maps = net.maps(g["input/x"])
        close(maps, g["fwd/backbone_map"])
        out = net(g["input/x"])
        for b in losses.BRANCHES:
            branch = net.branch(b)
            z = branch.features(maps)
            close(z, g[f"fwd/feat_{b}"])
            close(branch.cosines(z), g[f"fwd/cos_{b}_raw"])
            close(branch.similarities(z), g[f"fwd/map_{b}"])
            close(out[b].maxima, g[f"fwd/max_sim_{b}"])
            close(out[b].logits, g[f"fwd/logits_{b}"])
            close(F.normalize(z, dim=1), g[f"push/fwd_feat_{b}"])
        total = out["trivial"].logits + out["support"].logits
        close(total, g["fwd/logits_sum"])
        assert torch.equal(total.argmax(1), g["fwd/pred"])


@pytest.mark.parametrize("name", TINY)
@pytest.mark.parametrize("zero", [False, True])
def test_one_step_of_each_branch(name, zero):
    g = arrays(name)
    net, config = tiny(name, g)
    mine = parameters(net, name)
    groups = [
        {"params": list(net.body.parameters()), "lr": 1e-4, "weight_decay": 5e-4},
        {
            "params": [p for b in losses.BRANCHES for p in net.branch(b).add_on()],
            "lr": 3e-3,
            "weight_decay": 5e-4,
        },
        {"params": [net.branch(b).prototypes for b in losses.BRANCHES], "lr": 3e-3},
    ]
    optimiser = torch.optim.Adam(groups)
    for step, b in enumerate(losses.BRANCHES):
        out = net(g["input/x"], (b,))[b]
        branch = net.branch(b)
        terms = losses.branch_loss(
            b, out.logits, out.maxima, branch.prototypes, branch.last, g["input/y"], config
        )
        if not zero:
            check_terms(terms, g, f"loss{step}/", b)
            close(terms.total.detach(), g[f"loss{step}/loss"])
        optimiser.zero_grad(set_to_none=not zero)
        terms.total.backward()
        if not zero:
            compare_gradients(mine, g, step)
        optimiser.step()
        if not zero:
            wanted = g[f"afterstep{step}_unnormalised/prototype_vectors_{b}"].flatten(1)
            close(branch.prototypes.detach(), wanted, rtol=0, atol=1e-5)
        net.renormalise()
    key = "after2_zerograd/" if zero else "after2/"
    for name_, value in mine.items():
        close(value.detach(), g[key + name_].view_as(value), rtol=0, atol=1e-5)


def compare_gradients(mine, g, step):
    for key, value in mine.items():
        wanted = g.get(f"grad{step}/{key}")
        if wanted is None:
            assert value.grad is None or key.startswith("last_layer")
        elif key.startswith("prototype"):
            close(
                tangent(value.grad, value.detach()),
                tangent(wanted.flatten(1), value.detach()),
                atol=2e-6,
            )
        else:
            close(value.grad, wanted.view_as(value), rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("name", TINY)
def test_projection(name):
    g = arrays(name)
    net, _ = tiny(name, g)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    images = (g["push/x01"] - mean[:, None, None]) / deviation[:, None, None]
    labels = g["push/y"].numpy()
    by_class = project(net, lambda rows: images[torch.as_tensor(rows)], labels, exact=True)
    made = [one for part in by_class for one in part]
    size = 32 // (8 if not name.endswith("res") else 4)
    for b in losses.BRANCHES:
        mine = [one for one in made if one.branch == b]
        scores = torch.tensor([one.source.score for one in mine])
        close(scores, -g[f"push/{b}_neg_best_sim"])
        close(net.branch(b).prototypes.detach(), g[f"push/{b}_new_prototypes"].flatten(1))
        boxes = g[f"push/{b}_rf_boxes"].numpy()
        assert [one.source.image for one in mine] == boxes[:, 0].tolist()
        assert [int(labels[one.source.image]) for one in mine] == boxes[:, 5].tolist()
        field = ReceptiveField(size, *g["meta/rf_info"].tolist()[1:])
        found = [field.box(one.source.row, one.source.column, 32) for one in mine]
        assert np.array_equal(found, boxes[:, 1:5])
        check_boxes95(tiny(name, g)[0], b, images, mine, g)


def check_boxes95(net, b, images, mine, g):
    """The prototype's map as it was before the projection, on its source image."""
    with torch.no_grad():
        for one, wanted in zip(mine, g[f"push/{b}_boxes95"].numpy(), strict=True):
            branch = net.branch(b)
            z = branch.features(net.maps(images[one.source.image][None]))
            z = z if branch.variant == "cropped" else F.normalize(z, dim=1)
            shown = branch._products(z)[0, one.prototype].numpy()
            assert percentile_box(upsampled(shown, 32, 32)) == tuple(wanted[1:5])
