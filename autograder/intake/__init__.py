"""In: what an LMS hands out, a roster.  Out: each student's cells, in the lab's shape.

May import ``make``.
"""
