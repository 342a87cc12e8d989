"""What a right pipeline must find in a world, worked out without one line of its code."""
