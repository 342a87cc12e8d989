"""The simulated PSAs: each shows the same companies, agreements and lines in its own way."""
