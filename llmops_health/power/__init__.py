"""Power cards: how often a check rings for nothing, and which changes it would have found.

An alarm that never rang may have had nothing to say, or no way to say it. Each check is replayed
on a feature's own recent days, once with nothing changed and once with a change put in, through
the same code and parameters that judge every day. No check is known here by what it does, only by
the tables it reads.
"""
