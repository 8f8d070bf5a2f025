"""It behaves when it is watched: what evals see is not what users get.

A gap between evals and production is looked for where both were asked the same. What explains it
is looked for first: another model, prompt or set of tools is the usual reason.
"""
