"""Where an encoder's threads run, and that it changes no answer."""

import os
import threading

import numpy as np
import pytest

from cil_nodes.encoders import places
from cil_nodes.encoders.places import Places


@pytest.fixture
def four(monkeypatch):
    monkeypatch.setattr(places, "_processors", lambda: [0, 2, 4, 6])


def test_helpers_get_a_processor_each_and_the_caller_the_rest(four):
    chosen = Places.choose(3, pinned=True)
    assert (chosen.threads, chosen.helpers) == (3, (4, 6))
    assert chosen.caller == {0, 2}
    assert chosen.option() == "5;7"


def test_no_more_threads_than_processors_and_one_is_left_to_the_caller(four):
    chosen = Places.choose(64, pinned=True)
    assert (chosen.threads, chosen.caller) == (4, {0})


@pytest.mark.parametrize(("threads", "pinned"), [(1, True), (0, True), (3, False)])
def test_nothing_is_pinned_where_it_is_not_asked_for_or_there_is_one_thread(four, threads, pinned):
    chosen = Places.choose(threads, pinned)
    assert (chosen.threads, chosen.helpers, chosen.caller) == (threads, (), frozenset())


def test_a_system_that_does_not_tell_its_processors_gets_what_was_asked_for(monkeypatch):
    monkeypatch.setattr(places, "_processors", list)
    assert Places.choose(3, pinned=True) == Places(3)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux pins threads")
def test_only_the_thread_that_enters_is_kept():
    allowed = os.sched_getaffinity(0)
    one, seen = min(allowed), []

    def enter():
        Places(2, frozenset([one]), (0,)).enter()
        seen.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join(10)
    assert seen == [{one}]
    assert os.sched_getaffinity(0) == allowed


def test_answers_do_not_depend_on_threads_and_places():
    encoders = pytest.importorskip("cil_nodes.encoders")
    pytest.importorskip("onnxruntime")
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    try:
        one, two = (encoders.open_encoder(threads=n, pinned=n > 1, providers="cpu") for n in (1, 2))
    except encoders.MissingPackageError as error:
        pytest.skip(str(error))
    np.testing.assert_array_equal(one.encode([picture]), two.encode([picture]))
