"""cil_nodes.encoders"""
