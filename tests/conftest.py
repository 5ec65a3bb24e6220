"""What all tests share."""

import functools

from nbgrader import api

# Asked of a program of its own, for two seconds, for every new gradebook: once will do.
api.get_alembic_version = functools.cache(api.get_alembic_version)
