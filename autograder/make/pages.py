"""What may stand on a page that an instructor or a student opens: text and images.

A student writes the markdown and the outputs of a notebook; neither may run a script
in the browser of whoever reads the feedback or grades the essays.
"""

import html
import re
from typing import Any

from nbconvert.filters import markdown2html
from nbconvert.preprocessors.sanitize import ALLOWED_TAGS, SanitizeHTML
from nbformat import NotebookNode
from nbformat.v4 import new_output

LONG, ESSAY = 10_000, 20_000  # characters of a message, and of text to set
IMAGES = ("image/png", "image/jpeg")
TAGS = [*ALLOWED_TAGS, "p", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "br", "pre"]
TAGS += ["div", "span", "del", "table", "thead", "tbody", "tr", "th", "td"]
LINK = {"a": ["href", "title"]}


def text(x: Any) -> str:
    """Return a string that any file can hold; nothing for what is no string."""
    return x.encode("utf-8", "replace").decode() if isinstance(x, str) else ""


def error(name: str, said: str) -> NotebookNode:
    """Make the output of a cell that failed, without the source that failed."""
    name, said = text(name)[:LONG], text(said)[:LONG]
    return new_output("error", ename=name, evalue=said, traceback=[f"{name}: {said}"])


def output(x: Any) -> NotebookNode | None:
    """Make an output of a student's cell anew, with what can be shown safely of it."""
    match x:
        case {"output_type": "stream", "name": "stdout" | "stderr" as name}:
            return new_output("stream", name=name, text=text(x.get("text")))
        case {"output_type": "error"}:
            found = error(text(x.get("ename")), text(x.get("evalue")))
            lines = x.get("traceback")
            if isinstance(lines, list):
                found.traceback = [text(line) for line in lines]
            return found
        case {"output_type": "display_data" | "execute_result", "data": dict(data)}:
            kept = {k: text(v) for k, v in data.items() if k == "text/plain"}
            for kind in IMAGES:
                if re.fullmatch(r"[A-Za-z0-9+/=\s]+", text(data.get(kind))):
                    kept[kind] = data[kind]
            return new_output("display_data", data=kept) if kept else None
    return None


def markdown(source: str) -> str:
    """Turn markdown into HTML in which a browser finds nothing to run or to fetch."""
    if len(source) > ESSAY:  # the time to clean it grows with the square of its tags
        return f"<pre>{html.escape(source)}</pre>"
    clean = SanitizeHTML(tags=TAGS, attributes=LINK, strip=True)
    return str(clean.sanitize_html_tags(markdown2html(source)))
