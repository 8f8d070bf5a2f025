"""What the goals of speed are measured with: `python -m benchmarks` writes docs/benchmarks.md."""
