"""cil_nodes.learners"""
