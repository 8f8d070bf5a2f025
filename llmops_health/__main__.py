"""`python -m llmops_health`: the command line."""

from llmops_health.cli import main

main()
