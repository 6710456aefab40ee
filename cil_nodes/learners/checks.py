"""Public checks for any learner: one function for each promise of the contract.

``check_learner(MyLearner)`` runs them all; a failure says which promise was broken. scikit-learn's
``check_estimator`` knows nothing of phases, forgetting, unknowns and files: this adds them. A
learner that cannot keep a promise lists the check's name in a class attribute ``_skip_checks``,
with the reason.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from cil_nodes.learners.base import IncrementalLearner, PhaseReport, PhaseStopped, TornFileError
from cil_nodes.learners.registry import learner_class, register

Factory = Callable[[], IncrementalLearner]

_DIMENSION = 24
_LABELS = ("mug", "cup", "banana", "drum", "key", "lamp")


def blobs(
    labels: tuple[str, ...], n: int = 12, seed: int = 0, spread: float = 0.35
) -> tuple[np.ndarray, np.ndarray]:
    """Return X (n x labels, d) and y: one direction for each label, the same in every call."""
    rng = np.random.default_rng(seed)
    rows, names = [], []
    for label in labels:
        centre = np.random.default_rng(list(label.encode())).normal(size=_DIMENSION)
        rows.append(centre + spread * rng.normal(size=(n, _DIMENSION)))
        names += [label] * n
    return np.concatenate(rows), np.array(names)


def taught(make: Factory) -> IncrementalLearner:
    """Return a learner after three phases of two classes."""
    learner = make()
    for start in range(0, 6, 2):
        learner.partial_fit(*blobs(_LABELS[start : start + 2], seed=start))
    return learner


def _same(a: IncrementalLearner, b: IncrementalLearner, X: np.ndarray) -> None:
    """Assert that two learners answer identically, to the bit."""
    one, two = a.answer(X), b.answer(X)
    assert one.classes.tolist() == two.classes.tolist(), "other classes"
    assert np.array_equal(one.proba, two.proba), "other probabilities"
    assert np.array_equal(one.unknown_score, two.unknown_score), "other unknown scores"
    assert one.threshold == two.threshold, "another threshold"


def check_growth(make: Factory) -> None:
    """Classes arrive phase by phase, and the old ones are still recognised."""
    learner = make()
    for start in range(0, 6, 2):
        report = learner.learn_phase(*blobs(_LABELS[start : start + 2], seed=start))
        assert isinstance(report, PhaseReport)
        assert report.samples == 24
        assert set(report.new_classes) == set(_LABELS[start : start + 2])
        X, y = blobs(_LABELS[: start + 2], seed=99)
        assert learner.lessons_ == start // 2 + 1
        assert set(learner.classes_) == set(y)
        accuracy = float(np.mean(learner.predict(X) == y))
        assert accuracy > 0.8, f"accuracy {accuracy:.2f} after {start + 2} easy classes"


def check_more_samples_of_old_classes(make: Factory) -> None:
    """More samples of a known class add no class, and old numbers stay."""
    learner = taught(make)
    numbers = learner.class_index_
    report = learner.learn_phase(*blobs(_LABELS[:2], seed=7))
    assert report.new_classes == ()
    assert learner.class_index_ == numbers


def check_same_seed_same_result(make: Factory) -> None:
    """Two learners with one seed are equal to the bit."""
    _same(taught(make), taught(make), blobs(_LABELS, seed=5)[0])


def check_fit_starts_over(make: Factory) -> None:
    """``fit`` forgets what was there, and equals the first phase of a fresh learner."""
    learner = taught(make)
    X, y = blobs(_LABELS[:3], seed=3)
    _same(learner.fit(X, y), make().partial_fit(X, y), X)


def check_probabilities(make: Factory) -> None:
    """Every label seen has a column; rows are probabilities; predict takes the largest."""
    learner = taught(make)
    X, _ = blobs(_LABELS, seed=5)
    proba = learner.predict_proba(X)
    assert proba.shape == (len(X), 6), f"{proba.shape[1]} columns for 6 labels"
    assert np.all(proba >= 0)
    assert np.allclose(proba.sum(axis=1), 1)
    assert np.array_equal(learner.predict(X), learner.classes_[proba.argmax(axis=1)])


def check_unknown_scores(make: Factory) -> None:
    """Unknown scores lie in [0, 1], agree with ``is_unknown``, and each has a reason."""
    learner = taught(make)
    X, _ = blobs(("never", "seen"), seed=5)
    answers = learner.answer(X)
    assert np.all((answers.unknown_score >= 0) & (answers.unknown_score <= 1))
    expected = learner.unknown_score(X) > learner.unknown_threshold_
    assert np.array_equal(learner.is_unknown(X), expected)
    reasons = answers.reasons()
    assert len(reasons) == len(X)
    for reason in reasons:
        for part in (reason.novelty, reason.router_entropy, reason.router_disagreement):
            assert np.isnan(part) or 0 <= part <= 1, f"a part of the reason is {part}"


def check_progress_never_falls(make: Factory) -> None:
    """Progress starts at 0, never falls, ends at 1, and names its stage."""
    heard: list[float] = []

    def listen(fraction: float, stage: str) -> None:
        assert stage, "a stage without a name"
        heard.append(fraction)

    make().learn_phase(*blobs(_LABELS), progress=listen)
    assert heard, "progress was never reported"
    assert heard[0] == 0.0
    assert heard[-1] == 1.0
    assert heard == sorted(heard), "progress fell"


def check_stop_keeps_the_old_state(make: Factory) -> None:
    """A stop, whenever it comes, leaves the learner as it was; afterwards it learns on."""
    learner = taught(make)
    X, _ = blobs(_LABELS, seed=5)
    untouched = taught(make)
    lesson = blobs(("fork",), seed=8)
    asked = [0]

    def never() -> bool:
        asked[0] += 1
        return False

    clone_of(learner).learn_phase(*lesson, should_stop=never)
    assert asked[0] > 0, "should_stop was never asked"
    for after in sorted({0, asked[0] // 2, asked[0] - 1}):
        left = [after]

        def stop(left: list[int] = left) -> bool:
            left[0] -= 1
            return left[0] < 0

        try:
            learner.learn_phase(*lesson, should_stop=stop)
        except PhaseStopped:
            _same(learner, untouched, X)
        else:
            raise AssertionError("should_stop said stop, but the phase went on to its end")
    _same(learner.partial_fit(*lesson), untouched.partial_fit(*lesson), X)


def clone_of(learner: IncrementalLearner) -> IncrementalLearner:
    """Return a learner that shares what was learned, as a training clone does."""
    copy = clone(learner)
    vars(copy).update({k: v for k, v in vars(learner).items() if k.endswith("_")})
    return copy


def check_nan_is_refused_by_name(make: Factory) -> None:
    """NaN and infinity are refused in words, in learning and in answering, without a trace."""
    learner = taught(make)
    untouched = taught(make)
    X, y = blobs(_LABELS[:2])
    for bad, word in ((np.nan, "nan"), (np.inf, "inf")):
        broken = X.copy()
        broken[3, 4] = bad
        for call in (lambda b: learner.partial_fit(b, y), learner.predict):
            try:
                call(broken)
            except ValueError as error:
                said = str(error).lower()
                assert word in said, f"the message does not say {word}"
            else:
                raise AssertionError(f"{word} was accepted")
    _same(learner, untouched, X)


def check_one_class_phases(make: Factory) -> None:
    """A learner can be taught one class at a time, and knows the first one alone."""
    learner = make()
    for i, label in enumerate(_LABELS):
        learner.partial_fit(*blobs((label,), seed=i))
    X, y = blobs(_LABELS, seed=5)
    assert np.mean(learner.predict(X) == y) > 0.8
    assert set(make().partial_fit(*blobs(("mug",))).predict(X)) == {"mug"}


def check_one_sample_phases(make: Factory) -> None:
    """A single sample is a phase; with so little the threshold is not called calibrated."""
    learner = make()
    X, y = blobs(_LABELS, n=1)
    for i in range(len(y)):
        learner.partial_fit(X[i : i + 1], y[i : i + 1])
    assert learner.classes_.tolist() == y.tolist()
    assert np.array_equal(learner.predict(X), y)
    assert not learner.unknown_calibrated_


def check_predict_beside_training(make: Factory) -> None:
    """Threads that predict while a phase is learned get the old answers or the new ones."""
    learner = taught(make)
    X, _ = blobs(_LABELS, seed=5)
    old = learner.answer(X)
    seen: list[Any] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def watch() -> None:
        try:
            while not done.is_set():
                seen.append(learner.answer(X))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=watch) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        learner.learn_phase(*blobs(("fork", "spoon"), seed=8))
    finally:
        done.set()
        for thread in threads:
            thread.join(30)
    assert not failures, f"a predicting thread failed: {failures[0]!r}"
    new = learner.answer(X)
    for answers in seen:
        right = old if len(answers.classes) == len(old.classes) else new
        assert np.array_equal(answers.proba, right.proba), "an answer from between two states"


def check_training_clone_is_independent(make: Factory) -> None:
    """Teaching a clone that shares the learned state leaves the original untouched."""
    learner, untouched = taught(make), taught(make)
    other = clone_of(learner)
    other.partial_fit(*blobs(("fork",), seed=8))
    other.forget("mug")
    _same(learner, untouched, blobs(_LABELS, seed=5)[0])


def check_no_reference_to_the_callers_arrays(make: Factory) -> None:
    """What the caller does to its arrays afterwards changes nothing; nor are they changed."""
    learner, untouched = make(), make()
    X, y = blobs(_LABELS)
    before = X.copy()
    learner.partial_fit(X, y)
    assert np.array_equal(X, before), "the caller's array was changed"
    untouched.partial_fit(X, y)
    X[:] = 7.0
    y[:] = "x"
    lesson = blobs(("fork",), seed=8)
    _same(learner.partial_fit(*lesson), untouched.partial_fit(*lesson), before)


def check_save_and_load(make: Factory) -> None:
    """A loaded learner answers identically, learns on, and one without statistics says so."""
    learner = taught(make)
    X, _ = blobs(_LABELS, seed=5)
    with tempfile.TemporaryDirectory() as folder:
        whole = _load(learner.save(Path(folder) / "whole"), type(learner))
        small = _load(learner.save(Path(folder) / "small", statistics=False), type(learner))
    for again in (whole, small):
        _same(again, learner, X)
        assert again.class_index_ == learner.class_index_
        assert again.lessons_ == learner.lessons_
    assert whole.can_learn
    assert not small.can_learn
    lesson = blobs(("fork",), seed=8)
    whole.partial_fit(*lesson)
    learner.partial_fit(*lesson)
    assert np.allclose(whole.predict_proba(X), learner.predict_proba(X), atol=1e-5)


def check_torn_file(make: Factory) -> None:
    """A file that was cut short or altered is refused, with its name and what to do."""
    learner = taught(make)
    with tempfile.TemporaryDirectory() as folder:
        path = learner.save(Path(folder) / "torn_one")
        data = path.read_bytes()
        flipped = data[:-9] + bytes([data[-9] ^ 255]) + data[-8:]
        for broken in (b"", data[: len(data) // 2], data[:-1], flipped):
            path.write_bytes(broken)
            try:
                _load(path, type(learner))
            except TornFileError as error:
                assert "torn_one" in str(error), "the message does not name the file"  # noqa: PT017
            else:
                raise AssertionError("a torn file was loaded")


def _load(path: Path, cls: type[IncrementalLearner]) -> Any:
    """Load a file, also where the class is not in the registry."""
    from cil_nodes.learners import registry

    try:
        learner_class(cls.method)
    except ValueError:
        register(cls.method, cls)
        try:
            return registry.load(path)
        finally:
            registry._registered.pop(cls.method)
    return registry.load(path)


def check_forget(make: Factory) -> None:
    """A forgotten class is never answered again, the others are; its number is not reused."""
    learner = taught(make)
    numbers = learner.class_index_
    X, y = blobs(_LABELS[:2], seed=0)
    learner.forget("mug", X[y == "mug"])
    assert "mug" not in learner.classes_
    assert learner.class_index_ == {k: v for k, v in numbers.items() if k != "mug"}
    X, y = blobs(_LABELS, seed=5)
    assert "mug" not in learner.predict(X)
    rest = y != "mug"
    assert np.mean(learner.predict(X[rest]) == y[rest]) > 0.8
    learner.partial_fit(*blobs(("mug",), seed=9))
    assert learner.class_index_["mug"] == max(numbers.values()) + 1


def check_forget_everything(make: Factory) -> None:
    """All classes can be forgotten; the next phase starts again."""
    learner = make().partial_fit(*blobs(_LABELS[:2]))
    learner.forget("mug").forget("cup")
    assert len(learner.classes_) == 0
    learner.partial_fit(*blobs(_LABELS[2:4], seed=1))
    X, y = blobs(_LABELS[2:4], seed=5)
    assert np.mean(learner.predict(X) == y) > 0.8


def check_memory_is_bounded(make: Factory) -> None:
    """Memory stops growing with the samples of a fixed set of classes."""
    learner = make()
    sizes = []
    for i in range(8):
        learner.partial_fit(*blobs(_LABELS[:2], n=100, seed=i))
        sizes.append(learner.memory_bytes())
    assert sizes[-1] <= 1.05 * max(sizes[:5]), f"memory grows on: {sizes} bytes"


def check_test_order_changes_nothing(make: Factory) -> None:
    """Shuffling the test set, or asking one at a time, changes no prediction."""
    learner = taught(make)
    X, _ = blobs(_LABELS, seed=5, spread=1.0)
    together = learner.answer(X)
    order = np.random.default_rng(0).permutation(len(X))
    shuffled = learner.answer(X[order])
    assert np.array_equal(shuffled.labels, together.labels[order])
    assert np.allclose(shuffled.proba, together.proba[order], atol=1e-6)
    for i in range(0, len(X), 5):
        alone = learner.answer(X[i : i + 1])
        assert alone.labels[0] == together.labels[i]
        assert np.allclose(alone.proba[0], together.proba[i], atol=1e-6)
        assert np.allclose(alone.unknown_score[0], together.unknown_score[i], atol=1e-6)


def check_consolidate_can_be_replayed(make: Factory) -> None:
    """What ``consolidate`` found can be set in another learner, which then answers the same."""
    learner, other = taught(make), taught(make)
    found = learner.consolidate()
    assert all(isinstance(value, float) for value in found.values())
    other.apply_tuning(found)
    _same(learner, other, blobs(_LABELS, seed=5)[0])


CHECKS: tuple[Callable[[Factory], None], ...] = tuple(
    value for name, value in list(globals().items()) if name.startswith("check_")
)
"""All checks, in the order of this file."""


def check_learner(make: Factory) -> None:
    """Run every check on learners that ``make()`` returns, fresh and unfitted.

    Parameters
    ----------
    make : callable
        A learner class, or ``functools.partial(MyLearner, some=parameter)``.

    Raises
    ------
    AssertionError
        The first promise broken, by the name of its check.
    """
    skipped = getattr(make(), "_skip_checks", {})
    for check in CHECKS:
        if check.__name__ in skipped:
            continue
        try:
            check(make)
        except AssertionError as error:
            raise AssertionError(f"{check.__name__}: {error}") from error
