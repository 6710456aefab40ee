"""The paper's toy (Figures 1 to 3 and 8 to 10): five Gaussians in the plane, one among the others.

Eq. 1 gives their means and covariances, but is not legible in our text; these are ours: four
classes in the corners of a square, C3 in the middle, all of them round and hardly overlapping.

    python -m cil_nodes.evaluation.bench.innamp_toy docs/images/innamp-toy.png

draws the picture of the method's page.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from cil_nodes.learners import Innamp

MEANS = {
    "C1": (-3.0, 3.0),
    "C2": (3.0, 3.0),
    "C3": (0.0, 0.0),
    "C4": (-3.0, -3.0),
    "C5": (3.0, -3.0),
}
DEVIATION = 0.8


def five_gaussians(each: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """Draw ``each`` samples of every class.

    Returns
    -------
    X : (5 each, 2) array
    y : (5 each,) array of str
        "C1" to "C5".
    """
    rng = np.random.default_rng(seed)
    rows = [mean + DEVIATION * rng.normal(size=(each, 2)) for mean in MEANS.values()]
    return np.concatenate(rows), np.repeat(list(MEANS), each)


@dataclass(frozen=True)
class Panel:
    """One way to divide the plane.

    Attributes
    ----------
    title : str
    known : float
        Share of fresh samples of the taught classes that are answered rightly.
    found : float or None
        Share of fresh samples of C3 called unknown; None where C3 was taught.
    claimed : float
        Share of the plane that is drawn that some class claims.
    answer : callable
        Returns the place in `MEANS` of each row (n, 2), -1 for "I don't know".
    """

    title: str
    known: float
    found: float | None
    claimed: float
    answer: Callable[[NDArray[np.float64]], NDArray[np.int64]]


def panels(seed: int = 0) -> list[Panel]:
    """Teach four classes, then the one in the middle; return what each way makes of the plane."""
    X, y = five_gaussians(100, seed)
    four = y != "C3"
    network = MLPClassifier((40,), max_iter=2000, random_state=seed).fit(X[four], y[four])
    hard = Innamp.paper(random_state=seed).partial_fit(X[four], y[four])
    soft = Innamp(random_state=seed).partial_fit(X[four], y[four])
    found = [
        _panel("one MLP, C3 unseen", _closed_set(network), seed, False),
        _panel("hard monitor, C3 unseen", _answers(hard), seed, False),
        _panel("closed boundaries, C3 unseen", _answers(soft), seed, False),
    ]
    hard, soft = (copy(learner).partial_fit(X[~four], y[~four]) for learner in (hard, soft))
    network = MLPClassifier((50,), max_iter=2000, random_state=seed).fit(X, y)
    return [
        *found,
        _panel("one MLP, retrained", _closed_set(network), seed, True),
        _panel("hard monitor, C3 added", _answers(hard), seed, True),
        _panel("closed boundaries, C3 added", _answers(soft), seed, True),
    ]


def _places(labels: NDArray[np.str_]) -> NDArray[np.int64]:
    return np.searchsorted(list(MEANS), labels)


def _closed_set(network: MLPClassifier) -> Callable[[NDArray[np.float64]], NDArray[np.int64]]:
    return lambda rows: _places(network.predict(rows))


def _answers(learner: Innamp) -> Callable[[NDArray[np.float64]], NDArray[np.int64]]:
    def answer(rows: NDArray[np.float64]) -> NDArray[np.int64]:
        said = learner.answer(rows)
        return np.where(said.is_unknown, -1, _places(said.labels))

    return answer


def _panel(
    title: str,
    answer: Callable[[NDArray[np.float64]], NDArray[np.int64]],
    seed: int,
    taught: bool,
) -> Panel:
    X, y = five_gaussians(100, seed + 1)
    said, truth = answer(X), _places(y)
    known = np.ones(len(y), bool) if taught else y != "C3"
    found = None if taught else float(np.mean(said[~known] == -1))
    claimed = float(np.mean(answer(_plane()) >= 0))
    return Panel(title, float(np.mean(said[known] == truth[known])), found, claimed, answer)


def _plane() -> NDArray[np.float64]:
    """Return the points of the drawn part of the plane, row by row from the top."""
    steps = np.linspace(-REACH, REACH, PIXELS)
    return np.stack(np.meshgrid(steps, -steps), axis=2).reshape(-1, 2)


PIXELS, REACH, HEAD = 300, 18.0, 44
COLOURS = ((198, 134, 66), (86, 160, 72), (170, 102, 178), (60, 120, 216), (60, 76, 200))
"""Blue, green, red of each class."""


def picture(found: list[Panel], seed: int = 0) -> NDArray[np.uint8]:
    """Draw the panels in two rows: regions in pale colours, "I don't know" white."""
    drawn = [_draw(panel, seed) for panel in found]
    return np.vstack([np.hstack(drawn[:3]), np.hstack(drawn[3:])])


def _draw(panel: Panel, seed: int) -> NDArray[np.uint8]:
    pale = 255 - (255 - np.array([*COLOURS, (255, 255, 255)])) * 0.35
    regions = pale[panel.answer(_plane())].reshape(PIXELS, PIXELS, 3).astype(np.uint8)
    X, y = five_gaussians(100, seed + 1)
    said = panel.answer(X)
    for row, place, answer in zip(X, _places(y), said, strict=True):
        at = tuple(int(v) for v in (row * (1, -1) / REACH + 1) * (PIXELS - 1) / 2)
        shape = cv2.MARKER_DIAMOND if answer == -1 else cv2.MARKER_CROSS
        cv2.drawMarker(regions, at, COLOURS[place], shape, 6, 1, cv2.LINE_AA)
    sheet = np.full((PIXELS + HEAD, PIXELS + 8, 3), 255, np.uint8)
    sheet[HEAD:, 4 : PIXELS + 4] = regions
    words = _figures(panel)
    for line, text in enumerate((panel.title, words)):
        place = (6, 16 + 20 * line)
        cv2.putText(sheet, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
    return sheet


def _figures(panel: Panel) -> str:
    words = f"known {100 * panel.known:.0f} %, claims {100 * panel.claimed:.0f} % of the plane"
    return words + (f", C3 found {100 * panel.found:.0f} %" if panel.found is not None else "")


def main(arguments: list[str]) -> None:
    """Write the picture to the file that is named, and print its figures."""
    found = panels()
    cv2.imwrite(arguments[0], picture(found))
    for panel in found:
        print(f"{panel.title}: {_figures(panel)}")


if __name__ == "__main__":
    main(sys.argv[1:])
