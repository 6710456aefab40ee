"""How ORACIL's routers do on photographs: run it as a script; it is no test.

All 81 classes of Grocery at once, the official training split taught, the test split shown,
features of EfficientNet-Lite0. Needs the data set (CIL_DATA).
"""

from __future__ import annotations

import time

from cil_nodes.datasets import open_dataset
from cil_nodes.encoders import cached_features, open_encoder
from cil_nodes.evaluation.peers import JointRidge
from cil_nodes.learners import Oracil

LEARNERS = {
    "default": Oracil(),
    'router="none": joint head on the same random features': Oracil(router="none"),
    'feature_power=1, router="lda"': Oracil(feature_power=1.0, router="lda"),
    'the same, normalize="h"': Oracil(feature_power=1.0, router="lda", normalize="h"),
    "joint ridge on the features themselves": JointRidge(),
    'feature_power=1, router="ensemble"': Oracil(feature_power=1.0, router="ensemble"),
    'the same, fusion="product"': Oracil(feature_power=1.0, router="ensemble", fusion="product"),
}


def main() -> None:
    encoder = open_encoder(threads=2)
    sets = [open_dataset("grocery", split) for split in ("train", "test")]
    (X, y), (X_test, y_test) = ((cached_features(encoder, s), s.labels) for s in sets)
    for name, learner in LEARNERS.items():
        began = time.monotonic()
        accuracy = learner.fit(X, y).score(X_test, y_test)
        print(f"{name}: {100 * accuracy:.1f} % ({time.monotonic() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
