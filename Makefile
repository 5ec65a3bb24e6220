PYTHON ?= python3

.PHONY: course test notebooks student
course: ; $(PYTHON) tools/bootstrap.py && .venv/bin/python -m tools.course
test: ; $(PYTHON) tools/bootstrap.py colab && .venv/bin/python -m tools.check
notebooks: ; $(PYTHON) tools/bootstrap.py && .venv/bin/python -m tools.notebooks
student: ; $(PYTHON) tools/bootstrap.py && .venv/bin/python -m tools.student
