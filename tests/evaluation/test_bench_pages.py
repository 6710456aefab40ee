"""Tables, drawings and published figures on the page; features of several encoders side by side."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from cil_nodes.evaluation import bench
from cil_nodes.evaluation.bench import Curves, Table, registry
from cil_nodes.evaluation.bench.features import encoder_names, side_by_side
from cil_nodes.evaluation.bench.plots import curve_plot
from cil_nodes.evaluation.published import published


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CIL_CACHE", str(tmp_path / "cache"))


def test_tables_and_drawings_reach_the_page(tmp_path, monkeypatch):
    ours = Table(
        "CIFAR-100, ten phases",
        ("method", "A_N, %", "groups"),
        (("ORACIL", 71.234, 12), ("a|b", None, True)),
        minutes=40,
        note="Five orders.",
    )
    theirs = Table.of(published("oracil", "7"), rows=["CIFAR-100, ResNet-50"])
    curves = Curves("Accuracy and M", "M", "accuracy", {"ours": [(100, 60.0), (1000, 71.0)]})
    result = bench.BenchResult((), tables=(ours, theirs), drawings=(curves,))
    registry.available()
    entry = bench.Bench("toy", "A toy.", lambda context: result, minutes=1)
    monkeypatch.setitem(registry._registered, "toy", entry)
    bench.run("toy", tmp_path, quiet=True)
    page, complaints = bench.report(tmp_path)
    text = page.read_text(encoding="utf-8")
    assert complaints == []
    assert "### CIFAR-100, ten phases\n\n(about 40 min on two cores)\n" in text
    assert "| ORACIL | 71.23 | 12 |\n| a\\|b | – | true |\n\nFive orders." in text
    assert "(ORACIL, Electronics 2026, 15, 2941, Table 7)" in text
    assert "| CIFAR-100, ResNet-50 | 43 | 83.61 | 0.73 |" in text
    assert "![Accuracy and M](benchmarks/toy-accuracy-and-m.svg)" in text
    assert (tmp_path / "benchmarks" / "toy-accuracy-and-m.svg").is_file()


def test_a_table_of_ours_names_its_budget_and_its_cells_fit():
    with pytest.raises(ValueError, match="neither its time budget"):
        Table("Bare", ("a",), ())
    with pytest.raises(ValueError, match="row 'x' has 1 cells, but there are 2 columns"):
        Table("Torn", ("a", "b"), (("x",),), minutes=1)


def test_published_figures_are_the_printed_ones():
    table = published("oracil", "3")
    assert table.value("ORACIL", "phase 9") == 95.77
    assert table.value("ORACIL", "forgetting") == 0.16
    assert table.source == "ORACIL, Electronics 2026, 15, 2941, Table 3"
    assert "running means" in table.remark
    assert published("oracil", "F5").source.endswith("Figure 5")
    assert published("oracil", "A1").value("router update, s", "phase 9") == 72.54
    with pytest.raises(KeyError, match=r"no figure \(ORACIL, phase 10\)"):
        table.value("ORACIL", "phase 10")
    with pytest.raises(KeyError, match="no table '44'"):
        published("oracil", "44")
    with pytest.raises(KeyError, match="No published figures of 'nobody'"):
        published("nobody", "1")


def test_every_published_table_is_whole():
    from cil_nodes.evaluation import published as package

    tables = package._content("oracil")["tables"]
    assert set(tables) == {*"23456789", "A1", "A2", "A3", "F5", "F8"}
    for number in tables:
        table = published("oracil", number)
        for name, row in table.rows.items():
            assert len(row) == len(table.columns), (number, name)


def test_lines_are_drawn_with_their_last_figures():
    series = {f"line {n}": [(10.0**k, 50.0 + n + k) for k in range(4)] for n in range(6)}
    drawing = curve_plot(Curves("Many", "classes", "ms", series, unit="ms", log_x=True))
    root = ElementTree.fromstring(drawing)
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert "line 5 58.0 ms" in texts
    assert {"1", "10", "100", "1000"} <= set(texts)
    at = {el.text: float(el.get("x")) for el in root.iter() if el.text in ("1", "10", "100")}
    assert at["100"] - at["10"] == pytest.approx(at["10"] - at["1"], abs=0.5)
    assert curve_plot(Curves("None", "x", "y", {"a": []})) == ""
    with pytest.raises(ValueError, match="7 lines, at most 6"):
        curve_plot(Curves("Too many", "x", "y", {str(n): [(1.0, 1.0)] for n in range(7)}))
    with pytest.raises(ValueError, match="no place on a logarithmic axis"):
        curve_plot(Curves("Zero", "x", "y", {"a": [(0.0, 1.0)]}, log_x=True))


def test_several_encoders_stand_side_by_side_with_equal_weight(tmp_path):
    small, large = np.ones((3, 4), np.float32), np.full((3, 2), 50.0, np.float32)
    joined = side_by_side([small, large])
    assert joined.shape == (3, 6)
    lengths = [np.linalg.norm(joined[:, :4], axis=1), np.linalg.norm(joined[:, 4:], axis=1)]
    np.testing.assert_allclose(lengths, 1.0, rtol=1e-6)
    assert encoder_names("efficientnet_lite0+efficientnet_lite2") == (
        "efficientnet_lite0",
        "efficientnet_lite2",
    )
    file = tmp_path / "a+b.onnx"
    file.write_bytes(b"")
    assert encoder_names(str(file)) == (str(file),)
