"""Paired intervals: what is a gain, and what is none."""

import numpy as np
import pytest

from cil_nodes.evaluation.metrics import Gain, paired_gain, paired_interval


def answers(rate, n=2000, seed=0):
    return np.random.default_rng(seed).random(n) < rate


def test_a_clear_gain_a_clear_loss_and_none():
    theirs = answers(0.7)
    better = theirs | answers(0.1, seed=1)
    gain = paired_gain(better, theirs)
    assert gain.value == pytest.approx(np.mean(better) - np.mean(theirs))
    assert (gain.verdict, paired_gain(theirs, better).verdict) == ("gain", "loss")
    assert paired_gain(answers(0.7, seed=2), theirs).verdict == "none"
    same = paired_gain(theirs, theirs)
    assert (same.value, same.low, same.high, same.verdict) == (0.0, 0.0, 0.0, "none")


def test_pairing_finds_what_single_intervals_would_hide():
    """One answer in fifty turned right is far inside the noise of either accuracy alone."""
    theirs = answers(0.5)
    ours = theirs.copy()
    ours[np.flatnonzero(~theirs)[:20]] = True
    assert paired_gain(ours, theirs).verdict == "gain"


def test_the_interval_is_as_wide_as_the_normal_one():
    """For many samples the percentile bootstrap comes to mean +- 1.96 standard errors."""
    ours, theirs = answers(0.6, 5000), answers(0.55, 5000, seed=3)
    d = ours.astype(float) - theirs
    wide = 1.96 * d.std() / np.sqrt(len(d))
    gain = paired_gain(ours, theirs, rounds=4000)
    assert gain.high - gain.value == pytest.approx(wide, rel=0.1)
    assert gain.value - gain.low == pytest.approx(wide, rel=0.1)


def test_orders_that_disagree_widen_the_interval():
    theirs = np.tile(answers(0.5), (4, 1)).astype(float)
    swing = np.array([[0.05], [-0.04], [0.06], [-0.03]])
    shaky = paired_gain(theirs + swing, theirs)
    assert shaky.verdict == "none"
    assert paired_gain(theirs + abs(swing), theirs).verdict == "gain"
    assert paired_interval([0.55, 0.46, 0.56, 0.47], [0.5] * 4).verdict == "none"


def test_students_interval_by_hand():
    """d = 1, 2, 3: mean 2, standard error 1 / sqrt(3), t(2, 97.5 %) = 4.302653."""
    gain = paired_interval([71, 72, 73], [70, 70, 70])
    assert gain.value == pytest.approx(2)
    assert gain.high == pytest.approx(2 + 4.302653 / np.sqrt(3), abs=1e-6)
    assert gain.verdict == "none"


def test_equal_seeds_give_equal_intervals():
    ours, theirs = answers(0.6), answers(0.5, seed=1)
    assert paired_gain(ours, theirs, seed=3) == paired_gain(ours, theirs, seed=3)
    assert paired_gain(ours, theirs, seed=3) != paired_gain(ours, theirs, seed=4)


def test_a_gain_is_spelled_with_its_interval():
    gain = Gain(0.012, -0.001, 0.025, 0.95)
    assert gain.text() == "+1.20 points (-0.10 to +2.50, none)"


def test_what_cannot_be_paired_is_refused():
    with pytest.raises(ValueError, match=r"got \(3,\) and \(2,\)"):
        paired_gain([1, 0, 1], [1, 0])
    with pytest.raises(ValueError, match="two runs or more"):
        paired_interval([1.0], [0.5])
    with pytest.raises(ValueError, match="confidence must lie between 0 and 1"):
        paired_gain([1, 0], [0, 0], confidence=95)
