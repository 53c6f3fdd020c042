"""Review, Loop, Tests and Setup: what lies between tabs and keys, each with its styles beside it. One of them is shown."""
