"""A fine-tune that wins one skill and loses others: base and tuned model on the same eval cases.

A tune is judged by the capability it was for; users meet all the others too. Eval runs are rare, so
a finding stands as long as its two runs are the newest, and each pair of runs is judged once: the
same rows give the same answer every day. What the suite could not have seen is said, never passed.
"""
