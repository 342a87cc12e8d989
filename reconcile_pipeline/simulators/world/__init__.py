"""One coherent MSP at one day, built from a seed; no system's way of showing it."""
