"""Which ONNX Runtime execution providers run a network."""

from __future__ import annotations

from collections.abc import Sequence

from cil_nodes.encoders.errors import ProviderError

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"

_SHORT = {"cpu": CPU, "cuda": CUDA, "tensorrt": TENSORRT}
_FALLBACKS = {TENSORRT: [TENSORRT, CUDA, CPU], CUDA: [CUDA, CPU], CPU: [CPU]}


def choose(providers: str | Sequence[str], there: Sequence[str]) -> list[str]:
    """Return the providers to try, best first, the CPU last.

    Parameters
    ----------
    providers
        ``auto`` (CUDA where this build of ONNX Runtime has it, else the CPU), ``cpu``, ``cuda``,
        ``tensorrt``, ONNX Runtime's own name of a provider, or several of these.
    there
        What this build of ONNX Runtime offers.

    Raises
    ------
    ProviderError
        When one is asked for that is not there; the message names what is.
    """
    if providers == "auto":
        # TensorRT only when asked for: its first start builds engines for minutes.
        return [CUDA, CPU] if CUDA in there else [CPU]
    wanted = [providers] if isinstance(providers, str) else list(providers)
    chosen: list[str] = []
    for name in wanted:
        full = _SHORT.get(name.lower(), name)
        if full not in there:
            raise ProviderError(
                f"The provider {name!r} was asked for, but this ONNX Runtime has only "
                f"{', '.join(there)}. Choose 'auto', or for a GPU replace the package: "
                "pip uninstall onnxruntime && pip install 'cil-nodes[gpu]'"
            )
        chosen += [p for p in _FALLBACKS.get(full, [full, CPU]) if p in there and p not in chosen]
    return chosen or [CPU]


def check_started(wanted: Sequence[str], started: Sequence[str], explicit: bool) -> str:
    """Return the provider that runs, or raise where one asked for by name did not start."""
    if explicit and wanted[0] not in started:
        raise ProviderError(
            f"{wanted[0]} was asked for but did not start; ONNX Runtime fell back to {started[0]}. "
            "Its log above says why: mostly a driver or CUDA library that is missing or too old. "
            "Choose 'auto' or 'cpu' to run without it."
        )
    return started[0]
