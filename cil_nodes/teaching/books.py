"""Bookkeeping of labels: which class a label means, what is pending, what counts now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cil_nodes.teaching.content import Content, History
from cil_nodes.teaching.errors import BadFeaturesError, BadLabelError
from cil_nodes.teaching.journal import Journal, LabelRow
from cil_nodes.teaching.labels import fold_label, normalise_label
from cil_nodes.teaching.records import Receipt
from cil_nodes.teaching.samples import FeatureSpace, Sample, check_sample


@dataclass
class _Entry:
    """What one call writes."""

    classes: dict[str, int] = field(default_factory=dict)
    relabelled: int = 0


class Books:
    """Labels of one session.

    Parameters
    ----------
    journal, history
        Of the session; ``history.lock`` is held while either changes.
    keep_pictures : bool
        Whether JPEGs are stored.
    on_step : callable
        Told ``committed`` as soon as labels are on the disk.

    Attributes
    ----------
    space : FeatureSpace or None
        Encoder and length of all vectors; None before the first sample.
    """

    def __init__(
        self,
        journal: Journal,
        history: History,
        keep_pictures: bool,
        on_step: Callable[[str], None],
    ) -> None:
        self._journal = journal
        self._history = history
        self._keep_pictures = keep_pictures
        self._on_step = on_step
        self.lock = history.lock
        self.space = journal.feature_space()
        self._pending = {row.sample: row for row in journal.pending()}

    # -- adding

    def add(self, samples: Sequence[Sample], source: str) -> Receipt:
        """Store labelled samples in one transaction; see `Session.add_samples`."""
        labels = [normalise_label(sample.label) for sample in samples]
        _refuse_conflicts(samples, labels)
        with self.lock:
            space = self._checked_space(samples)
            entry = _Entry()
            with self._journal.transaction():
                if self.space is None and space is not None:
                    self._journal.fix_feature_space(space)
                self._write(samples, labels, source, entry)
            self.space = space
            self.refresh()
            self._on_step("committed")
            return Receipt(len(samples), entry.relabelled, len(self._pending))

    def _checked_space(self, samples: Sequence[Sample]) -> FeatureSpace | None:
        space = self.space
        for sample in samples:
            check_sample(sample)
            space = space or FeatureSpace(sample.encoder_id, len(sample.features))
            space.check(sample)
        return space

    def _write(
        self, samples: Sequence[Sample], labels: Sequence[str], source: str, entry: _Entry
    ) -> None:
        rows = self._journal.sample_rows([sample.sample_id for sample in samples])
        pending = dict(self._pending)
        for sample, label in zip(samples, labels, strict=True):
            number = self._number_for(label, entry)
            row = rows.get(sample.sample_id)
            if row is None:
                row = self._journal.add_sample(sample, self._keep_pictures)
                rows[sample.sample_id] = row
            self._label(row, number, source, pending, entry)

    def _label(
        self, row: int, number: int, source: str, pending: dict[int, LabelRow], entry: _Entry
    ) -> None:
        waiting = pending.get(row)
        taught = self._history.content.by_sample.get(row)
        before = waiting or taught
        if before is not None and before.class_id == number:
            return
        entry.relabelled += before is not None
        if waiting is not None:
            self._journal.withdraw([waiting.id])
            del pending[row]
        if taught is None or taught.class_id != number:
            label_id = self._journal.add_label(row, number, source)
            pending[row] = LabelRow(label_id, row, number)

    def _number_for(self, label: str, entry: _Entry) -> int:
        folded = fold_label(label)
        if folded not in entry.classes:
            found = self.number_of(label)
            entry.classes[folded] = self._journal.add_class(label) if found is None else found
        return entry.classes[folded]

    # -- names

    def number_of(self, label: str) -> int | None:
        """Return the number of the class that goes by ``label``, in any case; None for none."""
        folded = fold_label(label.strip())
        found = [n for n, name in self.labels().items() if fold_label(name) == folded]
        content = self._history.content
        # Where a class was renamed to what another, now unknown, was called, the living one counts.
        found.sort(key=lambda n: (n not in content.counts, n not in content.names, n))
        return found[0] if found else None

    def numbers_of(self, labels: Sequence[str] | None) -> set[int] | None:
        """Return the numbers of those classes that exist; None stands for all."""
        if not labels:
            return None
        found = (self.number_of(label) for label in labels)
        return {number for number in found if number is not None}

    def label_of(self, number: int) -> str:
        """Return what a class goes by now."""
        return self.labels()[number]

    def labels(self, content: Content | None = None) -> dict[int, str]:
        """Return what every class goes by, by number."""
        names = (content or self._history.content).names
        return {**self._journal.class_labels(), **names}

    # -- what counts now

    def pending(self) -> list[LabelRow]:
        """Return the labels that wait for a lesson, in order of arrival."""
        return sorted(self._pending.values(), key=lambda row: row.id)

    def pending_count(self) -> int:
        """Return how many labels wait for a lesson."""
        return len(self._pending)

    def refresh(self) -> None:
        """Read again what is pending, after somebody else wrote."""
        with self.lock:
            self._pending = {row.sample: row for row in self._journal.pending()}

    def current(self) -> dict[int, int]:
        """Return the class of every sample that has a label now, by the sample's row."""
        now = {row: label.class_id for row, label in self._history.content.by_sample.items()}
        now.update((row, label.class_id) for row, label in self._pending.items())
        return now

    def row_of(self, sample_id: str) -> int | None:
        """Return a sample's row; None when it is not kept."""
        return self._journal.sample_rows([sample_id]).get(sample_id)

    def adopt_space(self, space: FeatureSpace) -> None:
        """Fix encoder and length from a model file, where no sample has done so."""
        if self.space is None:
            with self.lock, self._journal.transaction():
                self._journal.fix_feature_space(space)
            self.space = space
        elif self.space.dimension != space.dimension:
            raise BadFeaturesError(
                f"The model takes {space.dimension} features; here there are "
                f"{self.space.dimension}."
            )

    def class_numbers(self, labels: Sequence[str]) -> list[int]:
        """Return a number for each label, new ones where there is none yet."""
        entry = _Entry()
        with self.lock, self._journal.transaction():
            return [self._number_for(label, entry) for label in labels]

    def inner_names(self) -> dict[int, str]:
        """Return what the learner calls every class, by number."""
        return self._journal.class_names()


def _refuse_conflicts(samples: Sequence[Sample], labels: Sequence[str]) -> None:
    """Refuse a call that gives one sample two labels: nobody could say which was meant."""
    said: dict[str, str] = {}
    for sample, label in zip(samples, labels, strict=True):
        other = said.setdefault(sample.sample_id, label)
        if fold_label(other) != fold_label(label):
            raise BadLabelError(
                f"Sample {sample.sample_id!r} is called {other!r} and {label!r} in one call; "
                "nothing of it was stored. Give each sample one label."
            )
