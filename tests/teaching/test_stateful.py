"""The session against a dictionary: add, relabel, train, roll back, switch, restart at will."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from cil_nodes.teaching import Session, errors
from tests.teaching.conftest import make_sample
from tests.teaching.tiny import METHOD

LABELS = st.sampled_from(["mug", "cup", "hat"])
NUMBERS = st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True)


class SessionAgainstDictionary(RuleBasedStateMachine):
    """``taught[v]`` and ``pending`` are all that there is to know about a session."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())

    @initialize()
    def begin(self):
        self.session = Session(self.folder / "session", METHOD, worker="inline")
        self.taught: list[dict[str, str]] = [{}]
        self.before: list[int] = [0]  # the version that a content came from
        self.content = [0]  # the version that first had a version's content
        self.pending: dict[str, str] = {}
        self.methods = [METHOD]  # of each version

    @rule(label=LABELS, numbers=NUMBERS)
    def add(self, label, numbers):
        samples = [make_sample(label, number, thing="thing") for number in numbers]
        now = {**self.taught[-1], **self.pending}
        relabelled = sum(now.get(s.sample_id, label) != label for s in samples)
        for sample in samples:
            self.pending.pop(sample.sample_id, None)
            if self.taught[-1].get(sample.sample_id) != label:
                self.pending[sample.sample_id] = label
        receipt = self.session.add_samples(samples)
        assert receipt.relabelled == relabelled
        assert receipt.accepted == len(samples)

    @rule()
    def train(self):
        if not self.pending:
            with pytest.raises(errors.NothingPendingError):
                self.session.train()
            return
        result = self.session.train()
        self.taught.append({**self.taught[-1], **self.pending})
        self.before.append(self.content[-1])
        self.content.append(len(self.taught) - 1)
        # On nothing a lesson begins anew, by the session's own method.
        self.methods.append(self.methods[-1] if self.taught[-2] else METHOD)
        assert result.samples == len(self.pending)
        self.pending = {}

    @rule(label=LABELS, numbers=NUMBERS)
    def teach(self, label, numbers):
        self.add(label, numbers)
        self.train()

    @rule(back=st.integers(-1, 6))
    def roll_back(self, back):
        if back >= len(self.taught) or (back == -1 and self.content[-1] == 0):
            with pytest.raises(errors.NoSuchVersionError):
                self.session.roll_back(back)
            return
        target = self.before[self.content[-1]] if back == -1 else self.content[back]
        self.session.roll_back(back)
        self.taught.append(self.taught[target])
        self.before.append(-1)
        self.content.append(target)
        self.methods.append(self.methods[target])

    @rule(method=st.sampled_from([METHOD, "nearest_class_mean"]))
    def switch(self, method):
        if not self.taught[-1]:
            with pytest.raises(errors.JournalIncompleteError):
                self.session.switch_method(method)
            return
        result = self.session.switch_method(method)
        assert result.samples == len(self.taught[-1])
        self.taught.append(self.taught[-1])
        self.before.append(self.content[-1])
        self.content.append(len(self.taught) - 1)
        self.methods.append(method)

    @rule()
    def restart(self):
        self.session.close()
        self.session = Session(self.folder / "session", METHOD, worker="inline")

    @invariant()
    def agrees(self):
        if not hasattr(self, "session"):
            return
        state = self.session.state()
        assert state.version == len(self.taught) - 1
        assert state.method == self.methods[-1]
        assert state.pending == len(self.pending)
        counts: dict[str, int] = {}
        for label in self.taught[-1].values():
            counts[label] = counts.get(label, 0) + 1
        assert {entry.label: entry.samples for entry in state.classes} == counts
        now = {**self.taught[-1], **self.pending}
        listed = self.session.list_samples(limit=100)[1]
        assert {s.sample_id: s.label for s in listed if s.label} == now
        learner = self.session._live.learner
        known = dict(zip(learner.classes_, learner.class_count_, strict=True)) if learner else {}
        assert known == counts

    def teardown(self):
        if hasattr(self, "session"):
            self.session.close()
        shutil.rmtree(self.folder)


SessionAgainstDictionary.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=15,
    # A failing run costs seconds; shrinking it would cost minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
TestSession = SessionAgainstDictionary.TestCase
