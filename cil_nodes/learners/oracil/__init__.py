"""ORACIL."""
