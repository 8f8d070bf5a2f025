"""Users change because the feature works: they learn how to ask, and others come to ask.

What was true of the inputs at launch is then no longer true of them, though neither the model nor
the prompt has changed. The split of a change into its parts is in `kernels/decomposition.py`.
"""
