"""`cil rebuild`: a journal learned again while no learner holds it."""

from cil_nodes import cli
from cil_nodes.learners import load
from cil_nodes.teaching import Session
from tests.teaching.conftest import make_sample, teach
from tests.teaching.tiny import INEXACT, METHOD


def test_a_model_file_or_a_new_version(tmp_path, capsys):
    folder, model = tmp_path / "learner", tmp_path / "new.cil"
    assert cli.main(["rebuild", str(folder)]) == 1
    assert "There is no journal" in capsys.readouterr().err
    assert not folder.exists()
    with Session(folder, method=METHOD, worker="inline") as session:
        teach(session, "mug", "hat")
    rebuild = ["rebuild", "--method", INEXACT, str(folder), "slow=0.01"]
    assert cli.main([*rebuild, "--out", str(model)]) == 0
    assert "20 samples learned by" in capsys.readouterr().out
    learner = load(model)
    assert (learner.method, learner.slow, learner.can_learn) == (INEXACT, 0.01, True)
    assert cli.main(rebuild) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Version 2 answers; 1 lesson with 20 samples learned again by")
    assert err == ""
    with Session(folder, method=METHOD, worker="inline") as session:
        assert session.state().method == INEXACT
        assert session.predict(make_sample("", 99, thing="hat")).label == "hat"
    assert cli.main(["rebuild", str(folder), "--method", "orcil"]) == 1
    assert "Did you mean 'oracil'" in capsys.readouterr().err
    assert cli.main(["rebuild", "--method", INEXACT, str(folder), "slow"]) == 1
    assert "name=value" in capsys.readouterr().err
