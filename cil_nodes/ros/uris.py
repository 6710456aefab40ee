"""Where a ``file://`` or ``package://`` address lies on this machine."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory


def uri_to_path(uri: str) -> Path:
    """Return the path that an address names.

    Parameters
    ----------
    uri : str
        ``file:///absolute/path``, ``package://name/path`` (in the package's share folder), or an
        absolute path.

    Raises
    ------
    ValueError
        For anything else, with what is allowed; for a package that is not installed.
    """
    parts = urlsplit(uri)
    path = unquote(parts.path)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and path.startswith("/"):
        return Path(path)
    if parts.scheme == "" and path.startswith("/"):
        return Path(path)
    if parts.scheme == "package" and parts.netloc:
        try:
            return Path(get_package_share_directory(parts.netloc)) / path.lstrip("/")
        except PackageNotFoundError as error:
            raise ValueError(
                f"{uri}: the package {parts.netloc!r} is not installed or its workspace is not "
                "sourced."
            ) from error
    raise ValueError(
        f"{uri!r} names no file here; give file:///absolute/path, package://name/path or an "
        "absolute path."
    )
