"""cil_nodes.teaching"""
