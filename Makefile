.venv/ready: pyproject.toml constraints/ci.txt
	python3 -m venv .venv
	.venv/bin/pip install -q -c constraints/ci.txt torch
	.venv/bin/pip install -q -c constraints/ci.txt -e ".[dev]"
	touch $@

.PHONY: test
test: .venv/ready
	.venv/bin/ruff check mlsyscore autograder tests tools && .venv/bin/mypy && .venv/bin/pytest -q
