"""scikit-learn's own checks, on the defaults and on the paper's choices with a small M."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from cil_nodes.learners import Oracil
from cil_nodes.learners.repulsion_replay import RepulsionReplay


@parametrize_with_checks([Oracil()])
def test_oracil_is_a_scikit_learn_classifier(estimator, check):
    check(estimator)


@parametrize_with_checks([RepulsionReplay()])
def test_repulsion_replay_is_a_scikit_learn_classifier(estimator, check):
    pytest.importorskip("torch", reason="torch is not installed")
    check(estimator)
