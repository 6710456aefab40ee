"""scikit-learn's own checks, on the defaults and on the paper's choices with a small M."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from cil_nodes.learners import Oracil
from cil_nodes.learners.clare import Clare


@parametrize_with_checks([Oracil()])
def test_oracil_is_a_scikit_learn_classifier(estimator, check):
    check(estimator)


@parametrize_with_checks([Clare()])
def test_clare_is_a_scikit_learn_classifier(estimator, check):
    pytest.importorskip("torch", reason="clare learns with torch, which is not installed")
    check(estimator)
