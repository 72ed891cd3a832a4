"""Cr-KD against golden arrays in float64 (tests/golden)."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from fgvc_studio.methods import schedules
from fgvc_studio.methods.crkd.losses import joint_targets, relation_loss, swap_loss
from fgvc_studio.methods.crkd.model import CrkdNetwork, KnownNetwork, joint
from fgvc_studio.methods.crkd.sinkhorn import sinkhorn

GOLDEN = Path(__file__).parents[2] / "golden"


def golden(name):
    return dict(np.load(GOLDEN / f"{name}.npz", allow_pickle=False).items())


def tensor(array, grad=False):
    return torch.tensor(array, dtype=torch.float64, requires_grad=grad)


def close(found, wanted, atol=1e-9, rtol=0.0):
    if isinstance(found, torch.Tensor):
        found = found.detach().numpy()
    np.testing.assert_allclose(found, wanted, atol=atol, rtol=rtol)


@pytest.mark.parametrize("case", ["12x5", "7x10", "tiny"])
def test_sinkhorn(case):
    g = golden("crkd_sinkhorn")
    z, eps = tensor(g[f"logits_{case}"]), float(g["epsilon"])
    close(sinkhorn(z, eps, int(g["num_iters"])), g[f"Q_{case}_f64"])
    single = sinkhorn(z.float(), eps, int(g["num_iters"]))
    assert single.dtype == torch.float32
    if f"Q_{case}_f32" in g:
        close(single, g[f"Q_{case}_f32"], atol=1e-6, rtol=1e-4)
        close(sinkhorn(z, eps, 20), g[f"Q_{case}_iters20_f64"])


def test_sinkhorn_equals_the_plain_domain():
    z = tensor(golden("crkd_sinkhorn")["logits_12x5"])
    q = torch.exp(z / 0.05)
    q = q / q.sum()
    for _ in range(3):
        q = q / q.sum(0, keepdim=True) / q.shape[1]
        q = q / q.sum(1, keepdim=True) / q.shape[0]
    close(sinkhorn(z), (q * len(z)).numpy())


@pytest.mark.parametrize("temperature", [4, 1])
def test_class_relation_distillation(temperature):
    g = golden("crkd_kd")
    unlabelled = torch.tensor(~g["mask_lab"])
    teacher = tensor(g["old_logits"])[:, :, unlabelled]

    def loss(**more):
        leaf = tensor(g["new_logits"], grad=True)
        found = relation_loss(
            teacher,
            leaf[:, :, unlabelled],
            tau=float(g["temperature"]),
            temperature=temperature,
            **more,
        )
        found.per_head.mean().backward()
        return found, leaf.grad

    t = f"T{temperature}"
    found, gradient = loss()
    close(found.per_head, g[f"kd_per_head_{t}"])
    close(found.mass, g[f"eta_{t}"])
    close(found.weight, g[f"weight_{t}"])
    close(gradient, g[f"grad_mean_{t}"])
    close((teacher / (0.1 * temperature)).softmax(-1), g[f"teacher_p_{t}"])
    found, gradient = loss(detach_weight=True)
    close(found.per_head, g[f"kd_per_head_{t}"])
    close(gradient, g[f"grad_mean_{t}_weight_detached"])
    assert not gradient[..., int(g["num_labeled"]) :].any()
    found, gradient = loss(kl=True)
    close(found.per_head, g[f"kl_per_head_{t}"])
    close(gradient, g[f"grad_mean_{t}_kl"])


def test_swapped_prediction():
    g = golden("crkd_swap")
    leaf = tensor(g["logits"], grad=True)
    targets = tensor(g["targets"][:2])
    found = swap_loss(leaf, targets)
    close(found, g["loss_per_head_4crops"])
    found.mean().backward()
    close(leaf.grad, g["grad_mean_4crops"])
    close(swap_loss(leaf[:2], targets), g["loss_per_head_2crops"])


def step_network(g):
    base = KnownNetwork(nn.Identity(), 8, 4, adapt=False).double()
    network = CrkdNetwork(base, 3, heads=2, hidden=6, projection=5).double()
    names = {"base.head.weight": "head_lab.prototypes.weight"}
    for h in range(2):
        for name in network.heads[h].mlp.state_dict():
            names[f"heads.{h}.mlp.{name}"] = f"head_unlab.projectors.{h}.mlp.{name}"
        names[f"heads.{h}.prototypes.weight"] = f"head_unlab.prototypes.{h}.prototypes.weight"
    network.load_state_dict({k: torch.tensor(g[f"sd.{v}"]) for k, v in names.items()})
    teacher = KnownNetwork(nn.Identity(), 8, 4, adapt=False).double()
    teacher.load_state_dict({"head.weight": tensor(g["old.head_lab.prototypes.weight"])})
    network.normalise()
    return network, teacher.eval(), names


def test_one_whole_step():
    g = golden("crkd_step")
    network, teacher, names = step_network(g)
    views = [tensor(g["view0"]), tensor(g["view1"])]
    unlabelled = torch.tensor(~g["mask_lab"])
    labels = torch.full((10,), -1)
    labels[~unlabelled] = torch.tensor(g["labels"])
    network.train()
    seen = network(views)
    logits = joint(seen, [0, 1])
    close(logits, g["logits_train"])
    known = teacher(views)
    close(known[:, None].expand(-1, 2, -1, -1), g["teacher_logits"])
    assigned = torch.stack(
        [torch.stack([sinkhorn(z[unlabelled]) for z in view.novel]) for view in seen]
    )
    targets = joint_targets(labels, assigned, 4)
    close(targets, g["targets"])
    tau = float(g["temperature"])
    swap = swap_loss(logits, targets, tau)
    relation = relation_loss(
        known[:, None, unlabelled],
        logits[:, :, unlabelled],
        tau=tau,
        temperature=float(g["kd_temperature"]),
    ).per_head
    close(swap, g["loss_cluster_per_head"])
    close(relation, g["kd_per_head"])
    loss = swap.mean() + float(g["alpha"]) * relation.mean()
    close(loss, g["loss"])
    loss.backward()
    checked = 0
    for name, parameter in network.named_parameters():
        close(parameter.grad, g[f"grad.{names[name]}"])
        checked += 1
    assert checked == 15
    # statistics of the stored state, not those of the step
    network, _, _ = step_network(g)
    network.eval()
    seen = network.see(views[0])
    close(seen.known, g["eval_logits_lab"])
    close(torch.stack(seen.novel), g["eval_logits_unlab"])


def test_learning_rates():
    g = golden("crkd_lr")
    close(schedules.cosine(1e-3, 1e-4, 100, 10, start=1e-4), g["vit"])
    close(schedules.cosine(1e-3, 1e-4, 50, 5, start=1e-4), g["vit_pretrain"])
    close(schedules.cosine(0.4, 1e-3, 500, 10, start=1e-3), g["cifar"])
