"""An LLM that classifies states a confidence that cannot be acted on.

Accuracy is the wrong metric: what is automated depends on the stated confidence, so the checks ask
what confidence is worth. Truth is what a person or an outcome said; a judge's label is an opinion
and never counts as truth here. Labels come late, so a window holds what became known in it, and
users who write often are allowed for before anything counts as evidence.
"""
