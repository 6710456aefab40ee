"""Our metrics beside those of four public packages, on the same input.

The figures in ``agreed_metrics.json`` were computed by avalanche-lib, pytorch-ood, river and
scikit-learn, of the versions that it names. Only scikit-learn is needed to run this project.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from cil_nodes.evaluation import metrics

STORED = json.loads(Path(__file__).with_name("agreed_metrics.json").read_text(encoding="utf-8"))
MATRIX = np.array(STORED["accuracy_matrix"])
KNOWN, UNKNOWN, CORRECT = (np.array(STORED[name]) for name in ("known", "unknown", "correct"))


def test_transfer_agrees_with_avalanche():
    """It prints one figure a phase; ours is their mean over the phases that the formula has."""
    backward = list(STORED["avalanche_bwt"].values())
    assert metrics.backward_transfer(MATRIX) == pytest.approx(np.mean(backward))
    forward = list(STORED["avalanche_fwt"].values())
    assert metrics.forward_transfer(MATRIX, STORED["baseline"]) == pytest.approx(np.mean(forward))


def test_figures_of_unknowns_agree_with_pytorch_ood():
    theirs = STORED["pytorch_ood"]
    assert metrics.auroc(KNOWN, UNKNOWN) == pytest.approx(theirs["AUROC"])
    assert metrics.fpr_at_tpr(KNOWN, UNKNOWN) == pytest.approx(theirs["FPR95TPR"])
    assert metrics.oscr(KNOWN, CORRECT, UNKNOWN) == pytest.approx(theirs["OSCR"])


def test_f1_and_accuracy_agree_with_river_and_scikit_learn():
    truth, answer = np.array(STORED["truth"]), np.array(STORED["answer"])
    assert metrics.macro_f1(truth, answer) == pytest.approx(STORED["river"]["macro_f1"])
    assert metrics.macro_f1(truth, answer) == pytest.approx(STORED["scikit_learn"]["macro_f1"])
    assert metrics.accuracy(truth, answer) == pytest.approx(STORED["river"]["accuracy"])


def test_the_stored_figures_are_those_of_the_scikit_learn_at_hand():
    truth = np.r_[np.zeros(len(KNOWN)), np.ones(len(UNKNOWN))]
    stored = STORED["scikit_learn"]
    assert roc_auc_score(truth, np.r_[KNOWN, UNKNOWN]) == pytest.approx(stored["auroc"])
    f1 = f1_score(STORED["truth"], STORED["answer"], average="macro")
    assert f1 == pytest.approx(stored["macro_f1"])
