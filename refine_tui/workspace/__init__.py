"""The user's tree: read, watched, written without losing anything, and what git knows about it."""

from refine_tui.workspace.git_facts import GitFacts, git_facts
from refine_tui.workspace.places import project_state_dir
from refine_tui.workspace.tree import ProjectTree
from refine_tui.workspace.watching import TreeWatcher

__all__ = ["GitFacts", "ProjectTree", "TreeWatcher", "git_facts", "project_state_dir"]
