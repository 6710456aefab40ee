"""Parameters of the nodes that run, read through their services."""

from __future__ import annotations

import json
import threading
from typing import Any

from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.parameter import parameter_value_to_python

SECONDS = 3.0
"""How long one answer may take."""


def parameters_of(node: Any, name: str) -> str:
    """Return the parameters of a node as a parameter file, or a remark why there are none.

    Parameters
    ----------
    node : rclpy.node.Node
        Who asks; spun by another thread.
    name : str
        The node asked, relative to the namespace of ``node``.
    """
    listed = _call(node, ListParameters, f"{name}/list_parameters", ListParameters.Request())
    if listed is None:
        return f"# {name} did not answer within {SECONDS:g} s.\n"
    names = sorted(listed.result.names)
    got = _call(node, GetParameters, f"{name}/get_parameters", GetParameters.Request(names=names))
    if got is None:
        return f"# {name} did not answer within {SECONDS:g} s.\n"
    values = [parameter_value_to_python(value) for value in got.values]
    lines = [f"    {n}: {json.dumps(_plain(v))}" for n, v in zip(names, values, strict=True)]
    return "\n".join([f"/**/{name}:", "  ros__parameters:", *lines]) + "\n"


def _plain(value: Any) -> Any:
    return list(value) if hasattr(value, "tolist") or isinstance(value, tuple) else value


def _call(node: Any, kind: Any, name: str, request: Any) -> Any:
    """Call a service, twice if need be: a first answer may be sent before we are found."""
    client = node.create_client(kind, name)
    try:
        if not client.wait_for_service(timeout_sec=SECONDS):
            return None
        for _ in range(2):
            done = threading.Event()
            future = client.call_async(request)
            future.add_done_callback(lambda _, done=done: done.set())
            if done.wait(SECONDS):
                return future.result()
        return None
    finally:
        node.destroy_client(client)
