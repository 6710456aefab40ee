"""The growing memories, equation by equation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cil_nodes.learners.clifer.dual import DualMemory, Pair, Schedule, trajectories
from cil_nodes.learners.clifer.memory import GrowingMemory, squared_distances, two_smallest
from cil_nodes.learners.clifer.neurons import (
    EPISODIC,
    NOBODY,
    SEMANTIC,
    Neurons,
    coefficients,
    habituated,
    modes,
)

FAR = 3.0
"""A distance at which activity exp(-3) = 0.05 lies below every threshold."""


def memory(rules=EPISODIC, *, at=((0.0, 0.0), (9.0, 9.0)), labels=3, **changes) -> GrowingMemory:
    neurons = Neurons.begin(np.array(at), labels, rules.context)
    return GrowingMemory(neurons, replace(rules, **changes))


def show(memory: GrowingMemory, *rows, label: int = 0, epochs: int = 1) -> None:
    memory.play(np.array(rows, float), np.full(len(rows), label), epochs)


@given(tau=st.floats(0.01, 0.5), steps=st.integers(1, 60))
def test_habituation_follows_its_closed_form(tau, steps):
    h = 1.0
    for _ in range(steps):
        h = habituated(h, tau)
    # dh = tau (kappa (1 - h) - 1) pulls towards 1 - 1 / kappa, by a factor 1 - tau kappa a step.
    rest = 1 - 1 / 1.05
    assert h == pytest.approx(rest + (1 - rest) * (1 - tau * 1.05) ** steps, abs=1e-9)


def test_winner_and_neighbour_habituate_at_their_own_rates():
    m = memory()
    show(m, [0.1, 0.0], epochs=4)
    h_b = h_n = 1.0
    for _ in range(4):
        h_b, h_n = habituated(h_b, 0.3), habituated(h_n, 0.1)
    assert m.habituation == pytest.approx([h_b, h_n])


def test_a_neuron_is_inserted_halfway_only_when_both_thresholds_allow_it():
    m = memory()
    show(m, [FAR, 0.0])  # h = 1: it moves
    assert m.size == 2
    assert m.weights[0] == pytest.approx([0.2 * FAR, 0.0])
    show(m, [FAR, 0.0])  # h = 0.7
    assert m.size == 2
    before = m.weights[0].copy()
    show(m, [FAR, 0.0])  # h = 0.49, activity exp(-1.95): both below
    assert m.size == 3
    assert m.weights[2] == pytest.approx((before + np.array([FAR, 0.0])) / 2)
    assert m.weights[0] == pytest.approx(before)
    assert m.habituation[2] == 1.0
    assert m.histogram[2].tolist() == [1, 0, 0]


@given(distance=st.floats(0.0, 3.0), h=st.floats(0.06, 1.0))
def test_the_insertion_condition(distance, h):
    rules = EPISODIC
    neurons = replace(
        Neurons.begin(np.array([[0.0, 0.0], [50.0, 0.0]]), 1, 0),
        habituation=np.array([h, 1.0], np.float32),
    )
    m = GrowingMemory(neurons, rules)
    show(m, [distance, 0.0])
    expected = np.exp(-distance) < rules.activity and np.float32(h) < rules.habituation
    assert (m.size == 3) == expected


def test_edges_of_an_inserted_neuron():
    m = memory()
    show(m, *[[FAR, 0.0]] * 3)
    assert set(m.edges) == {(0, 2), (1, 2)}


def test_neighbours_move_a_little():
    m = memory()
    show(m, [0.5, 0.0])
    assert m.weights[1] == pytest.approx(np.array([9.0, 9.0]) + 0.001 * np.array([-8.5, -9.0]))


def test_the_semantic_memory_inserts_only_where_the_label_is_wrong():
    old = Neurons.begin(np.array([[0.0, 0.0], [90.0, 0.0]]), 2, 0)
    old = replace(
        old,
        habituation=np.full(2, 0.1, np.float32),
        histogram=np.array([[5.0, 0.0], [0.0, 0.0]], np.float32),
    )
    right, wrong = GrowingMemory(old, SEMANTIC), GrowingMemory(old, SEMANTIC)
    show(right, [FAR, 0.0], label=0)
    show(wrong, [FAR, 0.0], label=1)
    assert (right.size, wrong.size) == (2, 3)


def test_labels_count_up_by_one_and_fade_by_a_tenth():
    m = memory()
    show(m, *[[0.0, 0.0]] * 3, label=1)
    show(m, *[[0.0, 0.0]] * 2, label=2)
    assert m.histogram[0] == pytest.approx([0.0, 2.8, 2.0])
    assert m.labels.tolist() == [1, NOBODY]
    show(m, *[[0.0, 0.0]] * 2, label=2)
    assert m.labels[0] == 2


@given(st.lists(st.integers(0, 3), min_size=1, max_size=60))
def test_histograms_never_fall_below_zero_and_the_mode_is_kept(labels):
    m = memory(labels=4)
    m.play(np.zeros((len(labels), 2)), np.array(labels), 1)
    assert (m.histogram >= 0).all()
    assert m.labels.tolist() == modes(m.histogram).tolist()


def test_every_step_ages_all_edges_or_those_of_the_winner():
    at = ((0.0, 0.0), (1.0, 0.0), (50.0, 0.0), (51.0, 0.0))
    edges = np.array([[0, 1], [0, 2], [2, 3]], np.int32)
    four = replace(
        Neurons.begin(np.array(at[:2]), 1, 0),
        weights=np.array(at, np.float32),
        contexts=np.zeros((4, 0, 2), np.float32),
        habituation=np.ones(4, np.float32),
        histogram=np.zeros((4, 1), np.float32),
        wins=np.zeros(4, np.int64),
        edges=edges,
        stamps=np.zeros(3, np.int64),
    )
    for ageing, unseen in (("all", 7), ("winner", 0)):
        m = GrowingMemory(four, replace(EPISODIC, ageing=ageing))
        show(m, *[[0.0, 0.0]] * 7)
        assert m.edges == {(0, 1): 0, (0, 2): 7, (2, 3): unseen}
        show(m, *[[50.0, 0.0]] * 2)
        assert m.edges == {(0, 1): 2 if ageing == "all" else 0, (0, 2): 9, (2, 3): 0}


@pytest.mark.parametrize("ageing", ["all", "winner"])
def test_old_edges_and_then_lonely_neurons_go(ageing):
    m = memory(ageing=ageing, max_age=20, limit=4)
    show(m, *[[FAR, 0.0]] * 3, label=0)
    show(m, *[[9.0, 9.0 + FAR]] * 6, label=1)
    there = m.size
    for _ in range(60):
        show(m, [FAR, 0.1], label=0)
    gone = there - m.size
    assert gone > 0 if ageing == "all" else gone == 0
    assert m.size >= 2
    degrees = np.bincount(np.array(list(m.edges)).ravel(), minlength=m.size)
    assert (degrees > 0).all()


@pytest.mark.parametrize("limit", [{"limit": 4}, {"limit_each": 3}])
def test_limits_hold(limit):
    m = memory(labels=2, **limit)
    rng = np.random.default_rng(0)
    m.play(rng.uniform(-9, 9, (60, 2)), np.repeat([0, 1], 30), 5)
    if "limit" in limit:
        assert m.size == 4
    else:
        assert (np.bincount(m.labels[m.labels >= 0]) <= 3 + 1).all()


def test_a_guarded_neuron_is_not_moved_by_another_label():
    m = memory(guarded=True)
    show(m, [0.1, 0.0], label=0)
    before = m.weights[0].copy()
    show(m, [0.5, 0.0], label=1)
    assert m.weights[0] == pytest.approx(before)
    assert m.labels.tolist() == [0, NOBODY, 1]
    assert m.weights[2] == pytest.approx([0.5, 0.0])


def test_options_of_the_published_code():
    m = memory(novelty_weighted=True)
    show(m, [1.0, 0.0])
    assert m.weights[0, 0] == pytest.approx(0.2 * (1 - np.exp(-1)))
    m = memory(squared=True, novelty_weighted=True)
    show(m, [2.0, 0.0])
    assert m.weights[0, 0] == pytest.approx(2 * 0.2 * (1 - np.exp(-4)))


def test_context_is_the_last_winners_and_enters_the_distance():
    assert coefficients(1) == pytest.approx([0.7311, 0.2689], abs=1e-4)
    m = memory(replace(EPISODIC, context=1), at=((0.0, 0.0), (4.0, 0.0)))
    show(m, [4.0, 0.0], [0.0, 0.0])
    assert m.follows == {(1, 0): 1}
    # C_1 = 0.7 * 0 + 0.3 * 4; the winner, a neighbour before, moves by 0.2 h = 0.2 * 0.9 of it.
    assert m.at_rest().contexts[0, 0] == pytest.approx([0.2 * 0.9 * 1.2, 0.0], rel=1e-3)
    m._near = squared_distances(np.array([[2.0, 0.0]]), m.weights)
    seen = np.array([[2.0, 0.0], [1.0, 0.0]])
    weight = np.abs(m.weights[:, 0] - 2)
    context = np.abs(m._contexts[:2, 0, 0] - 1)
    expected = coefficients(1) @ [weight, context]
    assert m._distances(0, seen) == pytest.approx(expected, rel=1e-6)


def test_distances_kept_while_playing_are_the_distances():
    rng = np.random.default_rng(3)
    m = memory(replace(EPISODIC), at=rng.normal(size=(2, 2)))
    rows = rng.normal(size=(30, 2)) * 4
    m.play(rows, rng.integers(0, 3, 30), 6)
    assert m.size > 10
    assert m._near[:, : m.size] == pytest.approx(squared_distances(rows, m.weights), abs=1e-9)


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), context=st.integers(0, 2))
def test_a_memory_at_rest_goes_on_as_it_was(seed, context):
    rng = np.random.default_rng(seed)
    m = memory(replace(EPISODIC, context=context, max_age=30), at=rng.normal(size=(2, 2)))
    m.play(rng.normal(size=(20, 2)) * 3, rng.integers(0, 3, 20), 3)
    rest = m.at_rest()
    again = GrowingMemory(Neurons.unpack(rest.pack()), m.rules)
    assert again.edges == m.edges
    assert again.follows == m.follows
    assert again.labels.tolist() == m.labels.tolist()
    assert again._owned.tolist() == np.bincount(m.labels[m.labels >= 0], minlength=3).tolist()


def test_forgetting_a_label_takes_its_neurons_and_their_edges():
    m = memory()
    show(m, *[[0.0, 0.0]] * 3, label=0)
    show(m, *[[9.0, 9.0]] * 3, label=1)
    show(m, *[[9.0, 0.0]] * 6, label=2)
    left = m.at_rest().without_label(1)
    assert left.histogram.shape[1] == 2
    assert len(left) == (m.labels != 1).sum()
    assert not len(left.edges) or left.edges.max() < len(left)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=30))
def test_two_smallest(values):
    array = np.array(values)
    first, second = two_smallest(array)
    assert array.tolist() == values
    assert first != second
    assert array[first] == array.min()
    assert array[second] == np.delete(array, first).min()


def test_trajectories_follow_what_came_most_often():
    follows = {(0, 2): 3, (0, 1): 1, (2, 1): 1}
    assert trajectories(3, follows, 3).tolist() == [[0, 2, 1], [1, 1, 1], [2, 1, 1]]
    assert trajectories(3, {}, 1).tolist() == [[0], [1], [2]]


def dual(**schedule) -> DualMemory:
    first = np.random.default_rng(0).uniform(-1, 1, (2, 4))
    return DualMemory(Pair.begin(first, 3), schedule=Schedule(**schedule))


def faces(label: int, n: int = 10) -> np.ndarray:
    rng = np.random.default_rng(label)
    return rng.normal(size=4) * 4 + 0.3 * rng.normal(size=(n, 4))


def test_what_is_rehearsed_is_the_memory_as_it_was_before_the_episode():
    d = dual(replay=True)
    d.learn_class(faces(0), 0)
    before = d.episodic.weights[d.episodic.labels != NOBODY].copy()
    replayed = []
    play = d.episodic.play
    d.episodic.play = lambda rows, *more: (replayed.append(rows), play(rows, *more))
    d.episode(faces(1, 5), np.ones(5, int))
    assert replayed[1] == pytest.approx(before)


def test_imagination_gets_the_winners_weights_and_is_played_to_both():
    d = dual()
    asked = []

    def imagine(z, label):
        asked.append((z, label))
        return np.full((1, 4), 20.0), np.array([2])

    d.learn_class(faces(0), 0, imagine)
    (z, label), *more = asked
    assert (label, more) == (0, [])
    assert len(z) == 10
    assert all(2 in m.labels for m in (d.episodic, d.semantic))


def test_the_semantic_memory_is_the_smaller_one():
    d = dual()
    for label in range(3):
        d.learn_class(faces(label, 20), label)
    assert d.semantic.size < d.episodic.size
