"""scikit-learn's own checks, on the defaults of every learner."""

from __future__ import annotations

from sklearn.utils.estimator_checks import parametrize_with_checks

from cil_nodes.learners import Innamp, Oracil


@parametrize_with_checks([Oracil(), Innamp()])
def test_a_learner_is_a_scikit_learn_classifier(estimator, check):
    check(estimator)
