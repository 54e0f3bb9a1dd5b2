"""Measures depth models on data sets under declared protocols and writes run records."""
