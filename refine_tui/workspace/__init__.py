"""The user's tree: read, watched, written without losing anything, and what git knows about it.

The watcher is imported from its own module, because watchdog takes a while and most commands do not watch.
"""

from refine_tui.workspace.git import branch_of
from refine_tui.workspace.places import project_state_dir
from refine_tui.workspace.tree import ProjectTree

__all__ = ["ProjectTree", "branch_of", "project_state_dir"]
