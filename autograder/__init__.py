"""From one lab script to grades that can be trusted: build, collect, grade, report."""

import sys

# jsonschema would build a grammar of web addresses, for a second of each process; it
# checks an optional format, which no notebook has, and does without.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
