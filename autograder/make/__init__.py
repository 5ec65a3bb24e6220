"""In: a lab's or a chapter's script.  Out: notebooks, and what each of their cells is.

May import nothing else of ours.
"""
