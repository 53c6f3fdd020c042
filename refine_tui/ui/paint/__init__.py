"""Values painted as text: every function here takes frozen values and returns `Content`; none knows a widget."""
