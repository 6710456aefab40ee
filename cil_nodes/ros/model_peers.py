"""The services by which learners exchange models: `merge_model` and `get_model_chunk`."""

from __future__ import annotations

import array
import tempfile
import threading
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cil_msgs.srv import GetModelChunk
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.validate_namespace import validate_namespace

from cil_nodes.ros.uris import uri_to_path
from cil_nodes.teaching.errors import BadModelFileError, PeerSilentError, TeachingError
from cil_nodes.teaching.sharing import Chunk, Shelf, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rclpy.node import Node

    from cil_nodes.teaching.session import Session

FIRST_ANSWER = 60.0
"""Seconds for a peer's first piece: it writes the model then."""

NEXT_ANSWER = 10.0
"""Seconds for each further piece."""


class ModelPeers:
    """Answers the two services for one learner node.

    Parameters
    ----------
    node : rclpy.node.Node
        Its executor must have a thread to spare while a call is answered.
    session : callable
        Returns the node's session.
    folder : pathlib.Path
        The session's folder.
    """

    def __init__(self, node: Node, session: Callable[[], Session], folder: Path) -> None:
        self._node, self._session, self._folder = node, session, folder
        self._shelf = Shelf(folder / "shared")
        self._group = ReentrantCallbackGroup()
        self._writing = threading.Lock()

    def merge_model(self, request: Any, response: Any) -> Any:
        """Answer ``merge_model``."""
        if bool(request.uri) == bool(request.peer):
            raise BadModelFileError("Name either a file (uri) or another graph (peer) to merge.")
        if request.uri:
            version, new = self._session().merge_model(self._path(request.uri))
        else:
            with self._fetched(request.peer) as path:
                version, new = self._session().merge_model(path)
        response.version, response.new_labels = version, list(new)
        response.message = f"Version {version} answers now; new: {', '.join(new) or 'no class'}."
        return response

    def get_model_chunk(self, request: Any, response: Any) -> Any:
        """Answer ``get_model_chunk``."""
        name = request.snapshot
        if not name:
            with self._writing:
                name = self._shelf.put(self._session().save_model)
        chunk = self._shelf.read(name, request.offset)
        response.snapshot, response.sha256 = chunk.snapshot, chunk.sha256
        response.total_bytes = chunk.total_bytes
        response.data = array.array("B", chunk.data)
        return response

    @staticmethod
    def _path(uri: str) -> Path:
        try:
            return uri_to_path(uri)
        except ValueError as error:
            raise BadModelFileError(str(error)) from error

    @contextmanager
    def _fetched(self, peer: str) -> Iterator[Path]:
        """Fetch another graph's model into a file that lives as long as the block."""
        _check_peer(peer)
        name = f"{peer.rstrip('/')}/get_model_chunk"
        client = self._node.create_client(GetModelChunk, name, callback_group=self._group)
        try:
            if not client.wait_for_service(timeout_sec=NEXT_ANSWER):
                raise PeerSilentError(
                    f"Nobody offers {name}. Is a learner active in {peer}, and in this domain?"
                )
            with tempfile.TemporaryDirectory(dir=self._folder) as folder:
                yield fetch(lambda s, at: _ask(client, name, s, at), Path(folder) / "peer", peer)
        finally:
            self._node.destroy_client(client)


def _check_peer(peer: str) -> None:
    """Refuse what is no namespace."""
    try:
        validate_namespace(peer)
    except Exception as error:
        raise BadModelFileError(
            f"The peer {peer!r} is no namespace; give one such as /robot2/cil."
        ) from error


def _ask(client: Any, name: str, snapshot: str, offset: int) -> Chunk:
    """Ask a peer for one piece."""
    done, seconds = threading.Event(), NEXT_ANSWER if snapshot else FIRST_ANSWER
    future = client.call_async(GetModelChunk.Request(snapshot=snapshot, offset=offset))
    future.add_done_callback(lambda _: done.set())
    if not done.wait(seconds):
        client.remove_pending_request(future)
        raise PeerSilentError(f"{name} did not answer within {seconds:g} s.")
    answer = future.result()
    if answer.error_code != GetModelChunk.Response.OK:
        raise TeachingPeerError(f"{name} refused: {answer.message}")
    return Chunk(answer.snapshot, answer.sha256, answer.total_bytes, bytes(answer.data))


class TeachingPeerError(TeachingError):
    """The other learner has no model to give."""

    code = "BAD_FILE"
