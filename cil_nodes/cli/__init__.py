"""The `cil` command: one file for each family of commands, put together in ``command``.

A family's file has ``add(commands)``, which adds its parsers, and the functions that carry them
out. Whatever is heavy is imported in those functions, so that help is instant.
"""

from cil_nodes.cli.command import build_parser, main, parse

__all__ = ["build_parser", "main", "parse"]
