"""What is sick in the weights of a checkpoint: read in pieces, in constant memory, without torch and without unpickling."""

from __future__ import annotations

from envcheck.weights.scan import scan
from envcheck.weights.tensors import Problem, Scan, Sick

__all__ = ["Problem", "Scan", "Sick", "scan"]
