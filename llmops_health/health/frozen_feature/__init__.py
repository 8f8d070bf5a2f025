"""The moat that became a hole: what was ahead once is left as it is while better things appear."""
