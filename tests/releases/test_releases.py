"""Files that earlier releases wrote are read, and answer as they did; formats change on purpose."""

import hashlib
import itertools
import json
import shutil

import numpy as np
import pytest

import cil_nodes
from cil_nodes.learners import load, persistence
from cil_nodes.teaching import Session, schema
from tests.releases import make_release as made

ROOT = made.HERE.parents[1]
RELEASES = sorted(
    (path for path in made.HERE.iterdir() if (path / "formats.json").is_file()),
    key=lambda path: tuple(map(int, path.name.split("."))),
)
RENEW = "docs/releases.md says what to do when a format changes."
CLOSE = 1e-4

every_release = pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)


def recorded(release, part):
    return json.loads((release / "answers.json").read_text())[part]


def written_formats(release):
    return json.loads((release / "formats.json").read_text())


@every_release
def test_a_session_goes_on_where_it_was(release, tmp_path):
    expected = recorded(release, "session")
    shutil.copytree(release / "session", tmp_path / "session")
    session = Session(tmp_path / "session", worker="inline", method="oracil")
    try:
        answers = made.session_answers(session)
        scores = answers.pop("unknown_scores")
        np.testing.assert_allclose(scores, expected.pop("unknown_scores"), atol=CLOSE)
        assert answers == expected
        assert session.train().new_labels == ("boot",)
        assert "boot" in made.session_answers(session)["labels"]
    finally:
        session.close()


@every_release
@pytest.mark.parametrize("name", ["learner", "learner-answers-only"])
def test_a_saved_learner_answers_as_it_did(release, name):
    learner = load(release / f"{name}.safetensors")
    answers, expected = made.learner_answers(learner), recorded(release, "learner")
    assert answers["labels"] == expected["labels"]
    for scores in ("scores", "unknown_scores"):
        np.testing.assert_allclose(answers[scores], expected[scores], atol=CLOSE)
    assert learner.can_learn is (name == "learner")
    if learner.can_learn:
        kites = made.views(made.STRANGER, 10)
        assert "kite" in learner.partial_fit(kites, ["kite"] * 10).predict(kites)


@every_release
def test_a_bag_is_read_by_what_lies_in_it(release):
    rosbags = pytest.importorskip("rosbags.highlevel", reason="rosbags is not installed")
    with rosbags.AnyReader([release / "bag"]) as reader:
        found = {
            connection.msgtype: made.plain(reader.deserialize(raw, connection.msgtype))
            for connection, _, raw in reader.messages()
        }
    assert found == recorded(release, "bag")


@every_release
def test_messages_that_did_not_change_are_read_by_todays_nodes(release):
    rosbags = pytest.importorskip("rosbags.highlevel", reason="rosbags is not installed")
    serialization = pytest.importorskip("rclpy.serialization", reason="no ROS 2 here")
    now, then = made.type_hashes(), written_formats(release)["interfaces"]
    expected = recorded(release, "bag")
    with rosbags.AnyReader([release / "bag"]) as reader:
        for connection, _, raw in reader.messages():
            kind = connection.msgtype
            if now.get(kind) == then[kind]:
                message = serialization.deserialize_message(bytes(raw), made.message_class(kind))
                assert made.plain(message) == expected[kind]


@every_release
def test_a_released_step_of_the_journal_is_never_edited(release):
    then = written_formats(release)
    steps = [hashlib.sha256(step.encode()).hexdigest() for step in schema.MIGRATIONS]
    assert steps[: then["journal"]] == then["journal_steps"], (
        f"teaching/schema.py: a step that {release.name} released was edited; add one instead."
    )
    assert then["learner_file"] <= persistence.FORMAT_VERSION


def test_this_version_has_its_files():
    assert cil_nodes.__version__ in [path.name for path in RELEASES], RENEW


def test_formats_are_those_of_this_version():
    then, now = written_formats(made.HERE / cil_nodes.__version__), made.formats()
    changed = changes(then["interfaces"], now["interfaces"])
    assert not changed, (
        f"{', '.join(changed)}: changed since {cil_nodes.__version__}. {RENEW} (If the texts in "
        "msg, srv and action did not change, the built cil_msgs is another's: build it again.)"
    )
    assert now == then, RENEW


def test_the_changelog_names_every_interface_that_changed():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for earlier, later in itertools.pairwise(RELEASES):
        then, now = (written_formats(path)["interfaces"] for path in (earlier, later))
        for kind in changes(then, now):
            name = kind.rpartition("/")[2]
            assert f"`{name}`" in text, f"CHANGELOG.md does not name {name}, new in {later.name}"


def changes(then, now):
    """Names of interfaces that were added, removed or changed."""
    return sorted(name for name in then.keys() | now.keys() if then.get(name) != now.get(name))


def test_a_changed_interface_is_noticed():
    now = made.type_hashes()
    kind = "cil_msgs/msg/Prediction"
    assert changes({**now, kind: "RIHS01_0"}, now) == [kind]
    texts = [path for kind in ("msg", "srv", "action") for path in (ROOT / kind).iterdir()]
    assert len(now) == len(texts)


def test_a_folder_is_not_replaced_by_mistake(capsys):
    with pytest.raises(SystemExit) as ended:
        made.main([])
    assert ended.value.code == 1
    assert "--again" in capsys.readouterr().err
