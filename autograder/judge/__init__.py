"""In: a submission in the lab's shape, and the lab.  Out: each check's result, kept.

May import ``make``, ``intake`` and ``jail``.
"""
