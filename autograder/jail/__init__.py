"""In: code, and calls with arguments.  Out: outputs, plain data, and what broke.

Runs the student's code where it can harm nothing.  May import nothing else of ours.
"""
