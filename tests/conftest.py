"""What all tests share."""

import functools

import autograder  # noqa: F401  first: it spares each process a second

# isort: split
from nbgrader import api

# Asked of a program of its own, for two seconds, for every new gradebook: once will do.
api.get_alembic_version = functools.cache(api.get_alembic_version)
