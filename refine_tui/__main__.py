"""`python -m refine_tui`: the same as the command `refine-tui`."""

from __future__ import annotations

import sys

from refine_tui.cli import main

if __name__ == "__main__":
    sys.exit(main())
