"""What runs in the sandbox, in the project's own interpreter: files for Python 3.8 and later, copied there side by side."""
