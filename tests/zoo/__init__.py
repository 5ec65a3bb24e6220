"""Submissions of every kind, and what each must come to."""

from .bounds import BOUNDS
from .broken import BROKEN
from .honest import HONEST
from .hostile import HOSTILE

CASES = [*HONEST, *BROKEN, *HOSTILE, *BOUNDS]
