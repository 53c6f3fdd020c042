"""The same session without a screen: one line for each event, and numbered answers to choose from. For screen readers and any terminal."""
