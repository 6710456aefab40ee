"""cil_nodes.evaluation"""
