"""What comes in, what goes out or how the service behaves is no longer what it was.

Inputs are compared by length, language, topic and meaning; outputs by length, format, refusals
and labels; the service by latency, errors, cost and volume; the log by its own completeness. Each
check has an effect floor, evidence that allows for users who write often, and persistence, so that
weekends, growth and a mailing's one busy day are no alarm. Drift of inputs alone asks for a look;
a fault of the service asks for action.
"""
