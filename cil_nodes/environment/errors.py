"""The one error of the set-up: what is missing and how to get it."""

from __future__ import annotations


class SetupError(Exception):
    """A step of the set-up cannot be done.

    Parameters
    ----------
    problem : str
        What is missing or went wrong, in one sentence.
    remedy : str
        What the person can do about it; may have several lines.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        lines = [f"error: {self.problem}", *(f"     {line}" for line in self.remedy.splitlines())]
        return "\n".join(lines)


# What pip, cmake or the system write when something is missing, and what to make of it.
_KNOWN_CAUSES = (
    (
        ("No space left on device", "Errno 28"),
        "the disk is full.",
        "Free some space (the environment needs about {gigabytes} GB) and run the command again.",
    ),
    (
        (
            "NewConnectionError",
            "NameResolutionError",
            "Temporary failure in name resolution",
            "Could not resolve",
            "Temporary failure resolving",
            "Network is unreachable",
            "Connection refused",
            "ConnectTimeoutError",
            "Read timed out",
            "Max retries exceeded",
        ),
        "packages could not be fetched: no network, or a proxy is in the way.",
        "The first start needs the Python package index. Check the connection; behind a proxy set\n"
        "https_proxy, with a mirror set PIP_INDEX_URL. Later starts need no network.",
    ),
    (
        ("CERTIFICATE_VERIFY_FAILED", "SSLError"),
        "packages could not be fetched: the connection's certificate is not trusted.",
        "Install ca-certificates, or name your company's certificate file in PIP_CERT.",
    ),
    (
        ("No matching distribution found", "is not a supported wheel"),
        "a pinned package has no build for this machine and Python.",
        "The pins are for x86-64 Linux (glibc 2.28 or newer) and Python 3.10 to 3.13.\n"
        "With a mirror (PIP_INDEX_URL), check that it holds the package named in the log; a\n"
        "wheelhouse (CIL_WHEELHOUSE) serves the Python version and the pins it was made with.",
    ),
)


def explain(step: str, output: str, log: object, gigabytes: float) -> SetupError:
    """Turn what a failed command wrote into an error that a person can act on.

    Parameters
    ----------
    step : str
        What was being done, for example ``"installing the libraries"``.
    output : str
        All that the command wrote.
    log : path
        File that holds the same, named when the cause is not known.
    gigabytes : float
        Disk space that the whole environment needs.

    Returns
    -------
    SetupError
        With the known cause, or the last lines of the output.
    """
    for signs, problem, remedy in _KNOWN_CAUSES:
        if any(sign in output for sign in signs):
            text = remedy.format(gigabytes=f"{gigabytes:g}")
            return SetupError(f"{step}: {problem}", f"{text}\nWhole output: {log}")
    tail = "\n".join(line[:200] for line in output.strip().splitlines()[-8:])
    return SetupError(f"{step} failed.", f"{tail}\nWhole output: {log}")
