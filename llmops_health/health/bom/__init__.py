"""The bill of materials does not say what the feature is made of: parts unlisted, untold, changed.

A list is what a team wrote down; traffic is what runs. Each check holds one against the other, or
asks of the list what a reviewer asks. Lists made after the judged day are not known to it.
"""
