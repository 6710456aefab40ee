#!/usr/bin/env python3
"""Use a learner without ROS: features in, phases learned, unknowns told apart.

./cil python examples/learn_from_arrays.py
"""

from __future__ import annotations

import numpy as np

from cil_nodes.learners import Oracil


def main() -> None:
    """Teach ten made-up classes in two phases and show an eleventh."""
    rng = np.random.default_rng(0)
    centres = 3.0 * rng.normal(size=(11, 64))

    def views(classes: range, n: int = 30) -> tuple[np.ndarray, np.ndarray]:
        labels = np.repeat(np.array(classes), n)
        return centres[labels] + rng.normal(size=(len(labels), 64)), labels

    learner = Oracil(random_state=0)
    learner.partial_fit(*views(range(0, 5)))
    learner.partial_fit(*views(range(5, 10)))

    X, y = views(range(0, 10))
    stranger, _ = views(range(10, 11))
    print(f"accuracy on ten classes: {learner.score(X, y):.1%}")
    print(f"known called unknown:    {learner.is_unknown(X).mean():.1%}")
    print(f"stranger called unknown: {learner.is_unknown(stranger).mean():.1%}")


if __name__ == "__main__":
    main()
