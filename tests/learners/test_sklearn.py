"""scikit-learn's own checks, on the defaults and on the paper's choices with a small M."""

from __future__ import annotations

from sklearn.utils.estimator_checks import parametrize_with_checks

from cil_nodes.learners import Oracil
from cil_nodes.learners.clifer import Clifer


@parametrize_with_checks([Oracil(), Clifer()])
def test_a_learner_is_a_scikit_learn_classifier(estimator, check):
    check(estimator)
