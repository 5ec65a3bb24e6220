"""Turn a chapter's script into the executed notebook that Colab opens."""

import re
from pathlib import Path

import nbformat
import yaml
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

from .address import linked, opened
from .build import KERNEL, fold, read, setup

VARIES = "nbval-ignore-output"
KEPT = ("text/plain",)  # of an output: no images, no widgets


def chapter(script: Path) -> NotebookNode:
    """Read a chapter; return its notebook, with all that only a notebook needs.

    Raises ValueError where the first cell holds no YAML title.
    """
    nb = read(script)
    front = re.match(r"---\n(.*?)\n---\n*(.*)", nb.cells[0].source, re.DOTALL)
    if front is None:
        raise ValueError(f"{script}: the first cell must open with a YAML title")
    title = yaml.safe_load(front[1])["title"]
    link = opened(f"notebooks/chapters/{script.stem}.ipynb")
    nb.cells[0].source = f"# {title}\n\n{link}\n\n{front[2]}"
    nb.cells.insert(1, nbformat.v4.new_code_cell(f"#| tags: [{VARIES}]\n{setup(nb)}"))
    for number, cell in enumerate(nb.cells):
        cell.id = f"{script.stem[:2]}-{number:03d}"
        _options(cell)
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source, script.stem[:2])
    nb.metadata = NotebookNode(kernelspec=KERNEL)
    nb.nbformat, nb.nbformat_minor = 4, 5
    return nb


def _options(cell: NotebookNode) -> None:
    """Move Quarto's ``#|`` lines into the cell's tags."""
    options = re.match(r"(?:#\|.*\n)+", cell.source)
    cell.metadata = NotebookNode()
    if cell.cell_type == "code" and options:
        cell.source = cell.source[options.end() :]
        said = yaml.safe_load(re.sub(r"(?m)^#\| ?", "", options[0]))
        if tags := said.get("tags"):
            cell.metadata.tags = tags
    fold(cell)


def execute(nb: NotebookNode, before: NotebookNode | None, folder: Path) -> None:
    """Run a chapter and keep its text.  before: the notebook as last committed.

    A cell whose output varies keeps the output it had, as long as its source stays,
    so that a second run changes nothing.
    """
    NotebookClient(
        nb,
        config=Config(KernelManager={"transport": "ipc"}),  # as it is, TCP warns
        timeout=60,
        record_timing=False,
        coalesce_streams=True,  # or what one print shows may come in two parts
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    old = {c.source: c for c in before.cells} if before else {}
    for cell in nb.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = [o for o in map(_text, cell.outputs) if o]
        if VARIES in cell.metadata.get("tags", []) and cell.source in old:
            cell.outputs = old[cell.source].outputs
    nb.metadata = NotebookNode(kernelspec=KERNEL)


def _text(output: NotebookNode) -> NotebookNode | None:
    if "data" in output:
        output.data = {k: v for k, v in output.data.items() if k in KEPT}
        output.metadata = NotebookNode()
        return output if output.data else None
    return output
