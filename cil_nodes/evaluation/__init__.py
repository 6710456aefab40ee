"""Evaluation: metrics, protocols, peers, benchmarks and reports; arrays in, figures out."""
