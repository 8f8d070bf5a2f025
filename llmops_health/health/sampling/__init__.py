"""Temperature and top-p are the last things to tune: what sampling does, and what it cannot do.

Settings that fight each other or change unseen are faults that a log shows by itself. What a
setting is worth is told by outcomes: labels and feedback beside the settings, the model, the
prompt and the context of the call. Parameters that the log does not know are unknown, never wrong.
"""
