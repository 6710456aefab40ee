"""cil_nodes.datasets"""
