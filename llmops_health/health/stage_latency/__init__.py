"""Requests are slow for another reason than the model: what happens before it, or beside it."""
