"""A session on one project: everything that stays between two tasks, and everything a front end can ask for."""
