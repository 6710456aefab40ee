"""One model gives declarations, validation, template and documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest
import yaml

from cil_nodes.ros.lifecycle import BaseParameters, CilNode
from cil_nodes.ros.parameters import (
    NodeParameters,
    ParameterError,
    declare,
    markdown_table,
    model_of,
    parameter,
    specs,
    validate,
    yaml_template,
)
from tests.ros_support import NodeThread, RosProbe


class Sample(BaseParameters):
    rate: float = parameter(10.0, "Frames a second.", unit="Hz", low=0.5, high=60.0)
    depth: int = parameter(4, "Frames that may queue.", low=1)
    mode: Literal["fast", "exact"] = parameter("fast", "How to compute.")
    model: str = parameter("lite", "Which weights.", read_only=True)
    topics: list[str] = parameter(["image"], "What to keep.")


class SampleNode(CilNode[Sample]):
    Parameters = Sample

    def __init__(self, **options: Any) -> None:
        self.changes: list[dict[str, Any]] = []
        super().__init__("sample", **options)

    def parameters_changed(self, changed: dict[str, Any]) -> None:
        self.changes.append(changed)


def test_a_refusal_names_parameter_value_range_and_default() -> None:
    with pytest.raises(ParameterError) as error:
        validate(Sample, {"rate": 400.0}, "/cil/sample")
    assert str(error.value) == (
        "Parameter 'rate' of /cil/sample cannot be 400.0: "
        "it takes a double in [0.5, 60.0] Hz (default 10.0)."
    )


def test_a_mistyped_choice_is_answered_with_the_nearest() -> None:
    with pytest.raises(ParameterError, match=r"one of 'fast', 'exact'.*Did you mean 'fast'\?"):
        validate(Sample, {"mode": "fats"})


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(ParameterError, match=r"no parameter 'rtae'\. Did you mean 'rate'\?"):
        validate(Sample, {"rtae": 1.0})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rate", "fast"),
        ("rate", float("nan")),
        ("rate", True),
        ("depth", 0),
        ("depth", 2.5),
        ("topics", "image"),
        ("topics", [1]),
        ("autostart", 1),
    ],
)
def test_wrong_types_and_values_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(ParameterError, match=f"'{name}'"):
        validate(Sample, {name: value})


def test_whole_numbers_are_taken_where_a_double_is_wanted() -> None:
    assert validate(Sample, {"rate": 30}).rate == 30.0


def test_the_template_holds_every_default_and_loads_as_yaml() -> None:
    text = yaml_template({"sample": Sample}, header="All parameters.")
    loaded = yaml.safe_load(text)["/**/sample"]["ros__parameters"]
    assert loaded == Sample().model_dump()
    assert {name: type(value) for name, value in loaded.items()}["rate"] is float
    assert "# Takes a double in [0.5, 60.0] Hz." in text


def test_the_table_describes_every_parameter() -> None:
    table = markdown_table(Sample)
    for spec in specs(Sample):
        assert f"`{spec.name}`" in table
        assert spec.description in table


def test_a_model_is_made_from_a_learners_descriptions() -> None:
    @dataclass
    class Info:
        name: str
        type: type
        default: Any
        description: str
        low: float | None = None
        high: float | None = None
        choices: tuple[Any, ...] = ()

    model = model_of(
        "Oracil",
        [
            Info("ridge", float, 1.0, "Ridge strength.", low=0.0),
            Info("router", str, "closed_form", "Which.", choices=("closed_form", "paper")),
            Info("callback", object, None, "Cannot be a ROS parameter."),
        ],
    )
    assert [s.name for s in specs(model, "oracil")] == ["oracil.ridge", "oracil.router"]
    with pytest.raises(ParameterError, match=r"'oracil\.router'.*'paper'"):
        validate(model, {"router": "papers"}, prefix="oracil")


def test_live_updates_are_validated_and_reach_the_node(probe: RosProbe) -> None:
    with NodeThread(SampleNode, "-p", "rate:=20", "-p", "model:=other") as node:
        probe.wait_active("sample")
        assert (node.parameters.rate, node.parameters.model) == (20.0, "other")
        assert probe.set_parameter("sample", "rate", 30).successful  # an integer for a double
        assert probe.set_parameter("sample", "mode", "exact").successful
        assert (node.parameters.rate, node.parameters.mode) == (30.0, "exact")
        assert node.changes == [{"rate": 30.0}, {"mode": "exact"}]

        wrong = probe.set_parameter("sample", "mode", "slow")
        assert not wrong.successful
        assert "one of 'fast', 'exact'" in wrong.reason
        assert not probe.set_parameter("sample", "rate", 1000.0).successful
        assert "read-only" in probe.set_parameter("sample", "model", "third").reason
        assert node.parameters.rate == 30.0


def test_descriptors_carry_description_unit_range_and_read_only(probe: RosProbe) -> None:
    with NodeThread(SampleNode) as node:
        rate = node.describe_parameter("rate")
        assert rate.description == "Frames a second. [Hz]"
        assert rate.floating_point_range[0].to_value == 60.0
        assert node.describe_parameter("depth").integer_range[0].from_value == 1
        assert node.describe_parameter("model").read_only
        assert "'exact'" in node.describe_parameter("mode").additional_constraints


def test_a_wrong_override_stops_the_node_with_the_sentence() -> None:
    thread = None
    with pytest.raises(ParameterError, match=r"'rate' of /cil/sample cannot be 0.1"):
        thread = NodeThread(SampleNode, "-p", "rate:=0.1")
    assert thread is None


def test_a_wrong_name_in_a_nested_group_is_refused() -> None:
    class Group(NodeParameters):
        ridge: float = parameter(1.0, "Strength.", low=0.0)

    with (
        NodeThread(SampleNode, "-p", "oracil.rigde:=3", "-p", "other.ridge:=3") as node,
        pytest.raises(ParameterError, match=r"no parameter oracil\.rigde\. .*oracil\.ridge\?"),
    ):
        declare(node, Group, prefix="oracil")


def test_nested_groups_are_declared_under_their_prefix() -> None:
    class Group(NodeParameters):
        ridge: float = parameter(1.0, "Strength.", low=0.0)

    with NodeThread(SampleNode, "-p", "oracil.ridge:=3") as node:
        group = declare(node, Group, prefix="oracil")
        assert group.ridge == 3.0
        node.set_parameters([node.get_parameter("oracil.ridge")])
        assert node.changes == []
