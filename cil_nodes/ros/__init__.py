"""cil_nodes.ros"""
