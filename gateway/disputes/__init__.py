"""Disputes 异议核实与纠错: a value is said to be wrong, somebody has to answer, and everyone who used it is told."""
