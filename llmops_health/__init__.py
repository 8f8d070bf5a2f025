"""Health checks for LLM features: sources -> core -> summaries -> findings -> verdicts."""
