"""In: a course's gradebook and results.  Out: tables, LMS files and pages to read.

May import ``make`` and ``intake``.
"""
