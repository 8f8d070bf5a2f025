"""A generated world with planted faults, and its truth: what `llmops-health demo` runs on."""

from llmops_health.demo.plant import Plant
from llmops_health.demo.plants import truth
from llmops_health.demo.write import write_world

__all__ = ["Plant", "truth", "write_world"]
