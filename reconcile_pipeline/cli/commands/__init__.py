"""The commands, grouped by what a person is doing: setting up, running, deciding, trying out."""
