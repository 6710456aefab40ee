"""Merging learners: equal to one that saw everything, in any order, and nothing counts twice."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cil_nodes.learners import CannotMergeError, Oracil, TornFileError, load, merge
from cil_nodes.learners.checks import blobs
from cil_nodes.learners.oracil.second_order import unpacked
from tests.learners.nearest_mean_example import NearestMean

LABELS = ("ant", "bee", "cat", "dog", "elk", "fox")
X, Y = blobs(LABELS, n=9, seed=4)
NARROW = {"M": 24}  # fewer than the samples: heads by sums; "auto" is 128 here: heads by rows
TOLERANCE = 1e-9


def learner(rows=(), origin="", **changes):
    made = Oracil(**changes)
    if origin:
        made.set_origin(origin)
    return made.partial_fit(X[rows], Y[rows]) if len(rows) else made


def statistics(one):
    return one.state_.model.statistics


def assert_equal(merged, joint):
    """Heads, prototypes and covariances agree; columns may come in another order."""
    order = [merged.classes_.tolist().index(label) for label in joint.classes_.tolist()]
    assert len(order) == len(merged.classes_)
    a, b = statistics(merged), statistics(joint)
    assert merged.class_count_[order].tolist() == joint.class_count_.tolist()
    assert a.weights()[:, order] == pytest.approx(b.weights(), abs=TOLERANCE)
    assert a.sums.means[order] == pytest.approx(b.sums.means, abs=TOLERANCE)
    assert a.sums.scatter == pytest.approx(b.sums.scatter, abs=TOLERANCE)
    assert a.spreads[order] == pytest.approx(b.spreads, abs=TOLERANCE)
    for here, there in zip(order, b.second.scatters, strict=True):
        one, two = (unpacked(t, a.second.rank) for t in (a.second.scatters[here], there))
        assert one == pytest.approx(two, abs=1e-5)  # kept in float32


def split(assignment, parts=3):
    rows = np.array(assignment)
    return [np.flatnonzero(rows == part) for part in range(parts)]


ASSIGNMENTS = st.lists(st.integers(0, 2), min_size=len(Y), max_size=len(Y))


@pytest.mark.parametrize("changes", [{}, NARROW, {"solver": "cholesky"}])
@given(assignment=ASSIGNMENTS, order=st.permutations(range(3)))
@settings(max_examples=3)
def test_merging_any_split_in_any_order_equals_learning_it_all(changes, assignment, order):
    parts = [learner(rows, **changes) for rows in split(assignment) if len(rows)]
    chosen = [parts[i] for i in order if i < len(parts)]
    merged = chosen[0]
    for other in chosen[1:]:
        merged = merge(merged, other)
    assert_equal(merged, learner(np.arange(len(Y)), **changes))


@pytest.mark.parametrize("changes", [{}, NARROW])
def test_a_merge_leaves_both_as_they_were(changes):
    a, b = learner(np.arange(0, 27), **changes), learner(np.arange(27, 54), **changes)
    before = a.state_, b.state_
    merged = merge(a, b)
    assert (a.state_, b.state_) == before
    assert set(merged.classes_) == set(LABELS)
    assert a.classes_.tolist() == list(LABELS[:3])
    assert merged.score(X, Y) == 1.0


def test_a_second_merge_of_the_same_changes_nothing():
    a, b = learner(np.arange(0, 27)), learner(np.arange(27, 54))
    once = merge(a, b)
    assert merge(once, b).state_ is once.state_
    assert merge(once, a).state_ is once.state_
    assert merge(once, once).state_ is once.state_


@pytest.mark.parametrize("changes", [{}, NARROW])
def test_a_later_state_of_an_origin_takes_the_place_of_the_earlier(changes):
    a, b = learner(np.arange(0, 20), **changes), learner(np.arange(20, 40), **changes)
    merged = merge(a, b)
    b.partial_fit(X[40:], Y[40:])
    assert_equal(merge(merged, b), learner(np.arange(len(Y)), **changes))


@pytest.mark.parametrize("changes", [{}, NARROW])
def test_what_is_taught_after_a_merge_is_the_learners_own(changes):
    a, b = learner(np.arange(0, 20), **changes), learner(np.arange(20, 40), **changes)
    merged = merge(a, b).partial_fit(X[40:50], Y[40:50])
    assert_equal(merged, learner(np.arange(50), **changes))
    b.partial_fit(X[50:], Y[50:])
    again = merge(merged, b)  # replaces what came from b and keeps what was taught since
    assert_equal(again, learner(np.arange(len(Y)), **changes))


def test_in_a_ring_nothing_counts_twice():
    rows = np.array_split(np.arange(len(Y)), 3)
    ring = [learner(part) for part in rows]
    for turn in range(6):
        ring[turn % 3] = merge(ring[turn % 3], ring[(turn + 1) % 3])
    joint = learner(np.arange(len(Y)))
    for one in ring:
        assert_equal(one, joint)


def test_what_came_by_way_of_a_third_is_not_older_than_what_is_known():
    a, b, c = (learner(part) for part in np.array_split(np.arange(45), 3))
    old = merge(b, c)
    c.partial_fit(X[45:], Y[45:])
    merged = merge(merge(a, c), old)
    assert_equal(merged, learner(np.arange(len(Y))))


def test_copies_of_one_file_count_what_they_have_in_common_once(tmp_path):
    path = learner(np.arange(0, 18)).save(tmp_path / "factory.cil")
    fleet = []
    for number, rows in enumerate((np.arange(18, 36), np.arange(36, 54))):
        robot = load(path).set_origin(f"robot{number}")
        fleet.append(robot.partial_fit(X[rows], Y[rows]))
        assert robot.origin == f"robot{number}"
    assert_equal(merge(*fleet), learner(np.arange(len(Y))))


def test_copies_without_names_of_their_own_are_refused(tmp_path):
    path = learner(np.arange(0, 18)).save(tmp_path / "factory.cil")
    a, b = load(path), load(path).partial_fit(X[18:36], Y[18:36])
    with pytest.raises(CannotMergeError, match="set_origin") as refusal:
        merge(a, b)
    assert refusal.value.what == "origin"
    assert a.origin in str(refusal.value)


@pytest.mark.parametrize("changes", [{}, NARROW])
def test_forgetting_after_a_merge_equals_never_having_seen_the_class(changes):
    own = np.flatnonzero(np.isin(Y, ("ant", "bee", "cat")))
    others = np.flatnonzero(~np.isin(Y, ("ant", "bee", "cat")))
    merged = merge(learner(own, **changes), learner(others, **changes))
    merged.forget("bee", X[Y == "bee"])
    assert_equal(merged, learner(np.flatnonzero(Y != "bee"), **changes))
    assert "bee" not in merged.predict(X)
    again = merge(merged, learner(others, **changes))
    assert again.state_ is merged.state_


def test_a_class_that_was_taught_elsewhere_can_be_forgotten_here():
    merged = merge(learner(np.arange(0, 27)), learner(np.arange(27, 54)))
    merged.forget("fox")
    assert_equal(merged, learner(np.flatnonzero(Y != "fox")))


def test_only_rows_taught_here_are_taken_out_of_ones_own_share():
    here = np.flatnonzero(np.isin(Y, LABELS[:3]))[::2]
    merged = merge(learner(here), learner(np.setdiff1d(np.arange(len(Y)), here)))
    merged.forget("bee", X[here][Y[here] == "bee"])
    assert_equal(merged, learner(np.flatnonzero(Y != "bee")))


def test_what_a_third_says_of_oneself_is_not_believed():
    a, b = learner(np.arange(0, 20)), learner(np.arange(20, 40))
    later = copy.copy(a).partial_fit(X[40:], Y[40:])  # since undone: a stands where it stood
    assert_equal(merge(a, merge(b, later)), learner(np.arange(40)))


def test_rows_that_were_not_taught_here_are_refused_when_forgetting():
    merged = merge(learner(np.arange(0, 30)), learner(np.arange(30, 54)))
    assert "dog" in merged.classes_
    with pytest.raises(ValueError, match="9 rows, but 3 samples"):
        merged.forget("dog", X[Y == "dog"])
    assert merged.class_count_[merged.classes_.tolist().index("dog")] == 9


def test_a_class_that_its_origin_forgot_goes_with_the_next_merge():
    a, b = learner(np.arange(0, 27)), learner(np.arange(27, 54))
    merged = merge(a, b)
    b.forget("elk", X[Y == "elk"])
    assert_equal(merge(merged, b), learner(np.flatnonzero(Y != "elk")))


@pytest.mark.parametrize("changes", [{}, NARROW])
def test_a_saved_learner_still_tells_shares_apart(changes, tmp_path):
    a, b = learner(np.arange(0, 20), **changes), learner(np.arange(20, 40), **changes)
    merged = load(merge(a, b).save(tmp_path / "merged.cil"))
    assert np.array_equal(merged.predict_proba(X), merge(a, b).predict_proba(X))
    merged.partial_fit(X[40:45], Y[40:45])
    b.partial_fit(X[45:], Y[45:])
    assert_equal(merge(merged, b), learner(np.arange(len(Y)), **changes))


def test_an_untaught_learner_takes_over_what_another_knows():
    full = learner(np.arange(0, 27))
    empty = learner(origin="new")
    empty.merge(full)
    assert_equal(empty, full)
    empty.partial_fit(X[27:], Y[27:])
    assert empty.origin == "new"
    assert_equal(empty, learner(np.arange(len(Y))))
    assert_equal(merge(empty, full), learner(np.arange(len(Y))))


def test_kept_rows_stay_bounded_and_fair():
    many, labels = blobs(("ant", "bee"), n=200, seed=9)
    parts = [learner(**NARROW).partial_fit(many[i::2], labels[i::2]) for i in (0, 1)]
    memory = statistics(merge(*parts)).memory
    assert np.bincount(memory.positions).tolist() == [16, 16]
    assert memory.rows.dtype == np.float16


def test_the_strength_found_with_more_samples_holds():
    many, labels = blobs(LABELS, n=40, seed=2)
    a, b = learner(np.arange(0, 27), **NARROW), Oracil(**NARROW).fit(many, labels)
    assert b.consolidate()
    assert merge(a, b).ridge_ == b.ridge_
    fixed = learner(np.arange(0, 27), ridge=0.7, **NARROW)
    assert merge(fixed, b).ridge_ == 0.7


def test_merging_can_be_stopped():
    a, b = learner(np.arange(0, 27)), learner(np.arange(27, 54))
    before = a.state_
    with pytest.raises(Exception, match="stopped"):
        a.merge(b, should_stop=lambda: True)
    assert a.state_ is before


@pytest.mark.parametrize(
    ("changes", "what", "said"),
    [
        ({"M": 32}, "projection", "M .*128 here and 32"),
        ({"random_state": 7}, "projection", "random_state .*0 here and 7"),
        ({"normalize": "h"}, "projection", "normalize is 'f' here and 'h'"),
        ({"feature_power": 1.0}, "projection", "feature_power is 0.5 here and 1.0"),
        ({"router": "lda"}, "projection", "covariance_rank is"),
        ({"gram": "group"}, "method", "gram='group'"),
        ({"solver": "woodbury"}, "method", "solver='woodbury'"),
    ],
)
def test_learners_that_do_not_fit_are_refused_with_both_values(changes, what, said):
    with pytest.raises(CannotMergeError, match=said) as refusal:
        merge(learner(np.arange(0, 27)), learner(np.arange(27, 54), **changes))
    assert refusal.value.what == what


def test_other_features_methods_labels_and_files_without_sums_are_refused(tmp_path):
    a = learner(np.arange(0, 27))
    short = Oracil().fit(X[:, :5], Y)
    bare = load(learner(np.arange(27, 54)).save(tmp_path / "bare", statistics=False))
    for other, what, said in (
        (short, "encoder", f"takes {X.shape[1]} features, the other 5"),
        (NearestMean().fit(X, Y), "method", "'oracil', the other"),
        (Oracil(), "statistics", "taught nothing"),
        (bare, "statistics", "without statistics"),
        (Oracil().fit(X, np.arange(len(X)) % 3), "method", "texts, those of the other whole"),
    ):
        with pytest.raises(CannotMergeError, match=said) as refusal:
            merge(a, other)
        assert refusal.value.what == what
    with pytest.raises(CannotMergeError, match="cannot be merged"):
        merge(NearestMean().fit(X, Y), a)


def test_a_torn_file_is_no_learner_to_merge(tmp_path):
    path = merge(learner(np.arange(0, 27)), learner(np.arange(27, 54))).save(tmp_path / "a.cil")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(TornFileError, match="not a whole learner file"):
        load(path)


def test_an_origin_needs_a_name():
    with pytest.raises(ValueError, match="needs a name"):
        learner(np.arange(9)).set_origin("")


def test_renaming_before_anything_is_merged_keeps_what_is_known_apart():
    a = learner(np.arange(0, 27))
    first = a.origin
    twin = copy.copy(a).set_origin("twin")
    assert twin.predict(X).tolist() == a.predict(X).tolist()
    twin.partial_fit(X[27:], Y[27:])
    assert set(twin.state_.model.origins.shares) == {first, "twin"}
    assert_equal(merge(a, twin), learner(np.arange(len(Y))))
