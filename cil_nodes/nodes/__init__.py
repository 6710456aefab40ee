"""cil_nodes.nodes"""
