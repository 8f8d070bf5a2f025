"""The eval score goes up while users go down: the suite is no longer about the traffic.

A suite rots in two ways: traffic leaves it behind (new topics, new wording), or its cases stop
telling versions apart (all pass, or they repeat each other). What users say about the answers is
the judge of both. Every judgement of a day uses the cases that were in the suite on that day.
"""
