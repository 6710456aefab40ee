"""For all tests."""

import contextlib

with contextlib.suppress(ImportError):  # the tests of the set-up run without it
    from hypothesis import settings

    # How long an example takes says more about the machine than about the code.
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")
