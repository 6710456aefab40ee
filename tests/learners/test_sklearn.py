"""scikit-learn's own checks, on the defaults of every method."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from cil_nodes.learners import Oracil
from cil_nodes.learners.clare import Clare
from cil_nodes.learners.clifer import Clifer
from cil_nodes.learners.innamp import Innamp
from cil_nodes.learners.repulsion_replay import RepulsionReplay

NO_TORCH = "this method learns with torch, which is not installed"


@parametrize_with_checks([Oracil(), Innamp(), Clifer()])
def test_a_method_without_torch_is_a_scikit_learn_classifier(estimator, check):
    check(estimator)


@parametrize_with_checks([Clare(), RepulsionReplay()])
def test_a_method_that_trains_networks_is_a_scikit_learn_classifier(estimator, check):
    pytest.importorskip("torch", reason=NO_TORCH)
    check(estimator)
