"""Node parameters from one declarative model each.

A node's parameters are the fields of a :class:`NodeParameters` model. The model is the only source
of names, types, defaults, ranges, units and descriptions; ROS declarations, live validation, the
YAML template and the documentation all read it.

    class CameraParameters(NodeParameters):
        rate: float = parameter(10.0, "Frames a second.", unit="Hz", low=0.1, high=120.0)
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

Value = bool | int | float | str | list[bool] | list[int] | list[float] | list[str]
OnChange = Callable[[dict[str, Any]], None]
"""Called after a live update with the names and values that changed."""

ModelT = TypeVar("ModelT", bound="NodeParameters")
_SCALARS: tuple[type, ...] = (bool, int, float, str)
_INT64_MAX = 2**63 - 1


class ParameterError(ValueError):
    """A parameter has a name, type or value that its node does not take."""


class NodeParameters(BaseModel):
    """Base of every node's parameter model; values are checked on every assignment."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True, protected_namespaces=())


@dataclass(frozen=True)
class ParameterSpec:
    """One parameter as the rest of the system sees it.

    ``type`` is a scalar type or, for arrays, ``is_list`` is set and ``type`` is the element's.
    ``low`` and ``high`` are inclusive; None leaves that side open.
    """

    name: str
    type: type
    is_list: bool
    default: Any
    description: str
    unit: str = ""
    read_only: bool = False
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()

    @property
    def type_name(self) -> str:
        """The ROS name of the type, such as ``double`` or ``string_array``."""
        base = {bool: "bool", int: "integer", float: "double", str: "string"}[self.type]
        return f"{base}_array" if self.is_list else base

    @property
    def allowed(self) -> str:
        """What may be given, in words: a choice, a range or just the type."""
        if self.choices:
            return "one of " + ", ".join(repr(c) for c in self.choices)
        unit = f" {self.unit}" if self.unit else ""
        kind = f"{'an' if self.type is int else 'a'} {self.type_name}"
        if self.low is not None and self.high is not None:
            return f"{kind} in [{self.low}, {self.high}]{unit}"
        if self.low is not None:
            return f"{kind} of at least {self.low}{unit}"
        if self.high is not None:
            return f"{kind} of at most {self.high}{unit}"
        return f"{kind}{unit and ' in' + unit}"

    def coerce(self, value: Any) -> Any:
        """Turn integers into doubles, and numbers into text, where these are wanted.

        Text that stands for a number is that of a parameter which may also be ``auto``.
        """
        if self.type is str and type(value) in (int, float):
            return str(value)
        if self.type is not float:
            return value
        if self.is_list and isinstance(value, (list, tuple)):
            return [float(v) if type(v) is int else v for v in value]
        return float(value) if type(value) is int else value

    def check(self, value: Any, owner: str = "") -> None:
        """Raise :class:`ParameterError` unless ``value`` has the right type, range and choice."""
        items = value if self.is_list else [value]
        is_list = isinstance(value, (list, tuple))
        good = is_list == self.is_list and all(type(item) is self.type for item in items)
        if good and not self.is_list:
            good = self._in_range(value) and (not self.choices or value in self.choices)
        if not good:
            raise ParameterError(self.refusal(value, owner))

    def refusal(self, value: Any, owner: str = "") -> str:
        """The sentence that says what came, what is allowed and the default."""
        where = f" of {owner}" if owner else ""
        hint = ""
        if self.choices and isinstance(value, str):
            close = difflib.get_close_matches(value, [str(c) for c in self.choices], 1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
        return (
            f"Parameter '{self.name}'{where} cannot be {value!r}: it takes {self.allowed} "
            f"(default {self.default!r}).{hint}"
        )

    def _in_range(self, value: Any) -> bool:
        if self.type not in (int, float):
            return True
        if value != value:  # NaN compares false with any bound
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


def parameter(
    default: Any,
    description: str,
    *,
    unit: str = "",
    read_only: bool = False,
    low: float | None = None,
    high: float | None = None,
    choices: Iterable[Any] = (),
) -> Any:
    """Declare one field of a :class:`NodeParameters` model.

    Parameters
    ----------
    default : bool, int, float, str or a non-empty list of these
        ROS infers an array's type from its first element, so an empty list cannot be a default.
    description : str
        What it does and when to change it, as a sentence.
    unit : str
        Unit of the value, shown in descriptions and errors.
    read_only : bool
        Whether a change needs a restart.
    low, high : float, optional
        Inclusive range of a number.
    choices : iterable
        The only values allowed; a ``Literal`` annotation does the same.
    """
    extra: dict[str, Any] = {"unit": unit, "read_only": read_only, "choices": list(choices)}
    return Field(default, description=description, ge=low, le=high, json_schema_extra=extra)


def specs(model: type[NodeParameters], prefix: str = "") -> list[ParameterSpec]:
    """List the parameters of ``model`` in order of declaration.

    Parameters
    ----------
    model : type
        The node's model.
    prefix : str
        Put before each name with a dot: ``specs(Oracil, "oracil")`` gives ``oracil.hidden``.
    """
    dot = f"{prefix}." if prefix else ""
    return [_spec(dot + name, info) for name, info in model.model_fields.items()]


def model_of(name: str, infos: Iterable[Any], read_only: bool = False) -> type[NodeParameters]:
    """Build a model from a learner's parameter descriptions.

    Parameters
    ----------
    name : str
        Name of the new class.
    infos : iterable of ``cil_nodes.learners.registry.ParameterInfo``
        Each with ``name, type, default, description, low, high, choices``. A parameter whose
        default ROS cannot hold (None, a tuple, an estimator) is left out.
    read_only : bool
        Whether the parameters can be set at start only.
    """
    fields: dict[str, Any] = {}
    for info in infos:
        kind = type(info.default)
        if kind not in _SCALARS:
            continue
        fields[info.name] = (
            kind,
            parameter(
                info.default,
                info.description,
                read_only=read_only,
                low=info.low,
                high=info.high,
                choices=info.choices or (),
            ),
        )
    return create_model(name, __base__=NodeParameters, **fields)


def validate(
    model: type[ModelT], values: Mapping[str, Any], owner: str = "", prefix: str = ""
) -> ModelT:
    """Make an instance of ``model`` from ``values``; the rest are defaults.

    Raises
    ------
    ParameterError
        Naming the parameter, the value, what is allowed and, for an unknown name, the closest.
    """
    by_name = {spec.name: spec for spec in specs(model, prefix)}
    dot = f"{prefix}." if prefix else ""
    for name in values:
        if dot + name not in by_name:
            raise ParameterError(_unknown_name(dot + name, by_name, owner))
    checked = {}
    for name, value in values.items():
        spec = by_name[dot + name]
        checked[name] = spec.coerce(value)
        spec.check(checked[name], owner)
    try:
        return model(**checked)
    except ValidationError as error:  # a validator of the model's own, across fields
        reason = "; ".join(str(e["msg"]) for e in error.errors())
        raise ParameterError(f"Parameters of {owner or model.__name__}: {reason}") from error


def declare(
    node: Any,
    model: type[ModelT],
    *,
    prefix: str = "",
    on_change: OnChange | None = None,
) -> ModelT:
    """Declare every parameter of ``model`` on ``node`` and return their values.

    The returned instance follows live updates: a value set on the running node is validated
    first, refused with a reason or written into it, and then ``on_change`` is told.

    Parameters
    ----------
    node : rclpy.node.Node
        The node; its overrides (command line, parameter file) are applied.
    model : type
        The node's model.
    prefix : str
        Put before every name with a dot, for nested groups such as a learner's.
    on_change : callable, optional
        ``on_change({field: value})`` after each accepted update.

    Raises
    ------
    ParameterError
        For an override that the model refuses.
    """
    owner = node.get_fully_qualified_name()
    overrides = getattr(node, "_parameter_overrides", {})
    dot = f"{prefix}." if prefix else ""
    table = specs(model, prefix)
    _refuse_strangers(overrides, [s.name for s in table], dot, owner)
    given = {s.name[len(dot) :]: overrides[s.name].value for s in table if s.name in overrides}
    live = validate(model, given, owner, prefix)
    for spec in table:
        value = getattr(live, spec.name[len(dot) :])
        node.declare_parameter(spec.name, value, _descriptor(spec), ignore_override=True)
    _follow_updates(node, live, {s.name: s for s in table}, dot, on_change)
    return live


def _refuse_strangers(given: Iterable[str], known: list[str], dot: str, owner: str) -> None:
    """Refuse names below a prefix that nobody declares; ROS would ignore them without a word."""
    for name in given:
        if dot and name.startswith(dot) and name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise ParameterError(
                f"{owner} has no parameter {name}.{hint} There are: {', '.join(known)}."
            )


def yaml_template(models: Mapping[str, type[NodeParameters]], header: str = "") -> str:
    """Write a ROS parameter file that holds every default, with descriptions as comments.

    Keys are ``/**/<node>`` so that the file works in any namespace.
    """
    lines = [f"# {line}".rstrip() for line in header.splitlines()]
    for node_name, model in models.items():
        lines += ["", f"/**/{node_name}:", "  ros__parameters:"]
        for spec in specs(model):
            note = f"{spec.allowed}{', at start only' if spec.read_only else ''}"
            lines += [f"    # {spec.description}", f"    # Takes {note}."]
            lines += [f"    {spec.name}: {_yaml_scalar(spec.default)}"]
    return "\n".join(lines).lstrip("\n") + "\n"


def markdown_table(model: type[NodeParameters], prefix: str = "") -> str:
    """Describe the parameters of ``model`` as a Markdown table."""
    rows = ["| parameter | type | default | allowed | what it does |", "|---|---|---|---|---|"]
    for spec in specs(model, prefix):
        when = " At start only." if spec.read_only else ""
        cells = (
            f"`{spec.name}`",
            spec.type_name,
            f"`{_yaml_scalar(spec.default)}`",
            spec.allowed,
            spec.description + when,
        )
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows) + "\n"


def _spec(name: str, info: Any) -> ParameterSpec:
    kind, is_list, choices = _kind(name, info.annotation)
    bounds = {"ge": None, "le": None}
    for item in info.metadata:
        for key in bounds:
            bounds[key] = getattr(item, key, bounds[key])
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return ParameterSpec(
        name=name,
        type=kind,
        is_list=is_list,
        default=info.default,
        description=info.description or "",
        unit=str(extra.get("unit", "")),
        read_only=bool(extra.get("read_only", False)),
        low=bounds["ge"],
        high=bounds["le"],
        choices=choices or tuple(extra.get("choices", ())),  # type: ignore[arg-type]
    )


def _kind(name: str, annotation: Any) -> tuple[type, bool, tuple[Any, ...]]:
    if get_origin(annotation) is Literal:
        choices = get_args(annotation)
        return type(choices[0]), False, choices
    if get_origin(annotation) is list:
        annotation, is_list = get_args(annotation)[0], True
    else:
        is_list = False
    if annotation not in _SCALARS:
        raise TypeError(f"Parameter '{name}': ROS has no parameter type for {annotation}.")
    return annotation, is_list, ()


def _unknown_name(name: str, by_name: Mapping[str, Any], owner: str) -> str:
    close = difflib.get_close_matches(name, list(by_name), 1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    where = f"{owner} has" if owner else "There is"
    return f"{where} no parameter '{name}'.{hint} It has: {', '.join(sorted(by_name))}."


def _descriptor(spec: ParameterSpec) -> Any:
    """Make the ROS descriptor; an open end of a range becomes the type's own limit."""
    from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

    unit = f" [{spec.unit}]" if spec.unit else ""
    descriptor = ParameterDescriptor(
        description=spec.description + unit,
        read_only=spec.read_only,
        additional_constraints=f"Takes {spec.allowed}.",
    )
    if spec.is_list or (spec.low is None and spec.high is None):
        return descriptor
    if spec.type is int:
        low = int(spec.low) if spec.low is not None else -_INT64_MAX
        high = int(spec.high) if spec.high is not None else _INT64_MAX
        descriptor.integer_range = [IntegerRange(from_value=low, to_value=high, step=0)]
    elif spec.type is float:
        low_f = spec.low if spec.low is not None else -sys.float_info.max
        high_f = spec.high if spec.high is not None else sys.float_info.max
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(low_f), to_value=float(high_f), step=0.0)
        ]
    return descriptor


def _follow_updates(
    node: Any,
    live: NodeParameters,
    by_name: Mapping[str, ParameterSpec],
    dot: str,
    on_change: OnChange | None,
) -> None:
    from rcl_interfaces.msg import SetParametersResult
    from rclpy.parameter import Parameter

    owner = node.get_fully_qualified_name()

    def coerce(items: list[Any]) -> list[Any]:
        # rclpy checks ranges itself with a reason that names no range: say ours in the log.
        fixed = []
        for item in items:
            spec = by_name.get(item.name)
            if spec is None:
                fixed.append(item)
                continue
            value = spec.coerce(item.value)
            fixed.append(Parameter(item.name, value=value) if value is not item.value else item)
            try:
                spec.check(value, owner)
            except ParameterError as error:
                node.get_logger().error(str(error))
        return fixed

    def allow(items: list[Any]) -> Any:
        mine = {i.name[len(dot) :]: i.value for i in items if i.name in by_name}
        try:
            validate(type(live), {**live.model_dump(), **mine}, owner, dot.rstrip("."))
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def apply(items: list[Any]) -> None:
        mine = {i.name[len(dot) :]: i.value for i in items if i.name in by_name}
        for name, value in mine.items():
            live.__dict__[name] = value  # checked as a whole just before
        if mine and on_change is not None:
            on_change(mine)

    node.add_pre_set_parameters_callback(coerce)
    node.add_on_set_parameters_callback(allow)
    node.add_post_set_parameters_callback(apply)


def _yaml_scalar(value: Any) -> str:
    import json

    # JSON is YAML, and keeps 1.0 a double, "on" a string and lists on one line.
    return json.dumps(value, ensure_ascii=False)
