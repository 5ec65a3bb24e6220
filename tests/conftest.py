"""What all tests share."""

import functools

import autograder  # noqa: F401  first: it spares each process a second

# isort: split
import pytest
from nbgrader import api

from autograder.jail import warm
from autograder.make.address import ROOT
from autograder.make.roles import imported

# Asked of a program of its own, for two seconds, for every new gradebook: once will do.
api.get_alembic_version = functools.cache(api.get_alembic_version)


@pytest.fixture(scope="module")
def warmed():
    """Let kernels start with what the labs import."""
    from tools.demo import answered

    for lab in ROOT.glob("labs/[0-9]*.py"):
        warm.ALSO.update(imported(answered({}, lab.stem)))
    warm._of.cache_clear()
