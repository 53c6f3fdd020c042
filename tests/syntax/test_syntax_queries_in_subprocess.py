from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

# tree-sitter 0.26.1 crashes on this (exit status -11): a query that is collected frees what another still uses.
MANY_QUERIES = """
import tree_sitter_python as python
from tree_sitter import Language, Query
language = Language(python.language())
text = python.HIGHLIGHTS_QUERY + '''
((identifier) @a (#any-of? @a "b" "c"))
((identifier) @d (#match? @d "^[A-Z]+$"))
((identifier) @e (#eq? @e "f") (#is-not? local))
(module . (comment) @g (#set! h "i"))
'''
for _ in range(50):
    Query(language, text)
    junk = [str(i) for i in range(1000)]
    open(python.__file__).read()
"""


def test_queries_can_be_made_and_dropped() -> None:
    done = subprocess.run([sys.executable, "-c", MANY_QUERIES], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_installed_tree_sitter_is_below_the_bound() -> None:
    major, minor = (int(part) for part in version("tree-sitter").split(".")[:2])
    assert (0, 25) <= (major, minor) < (0, 26)
