"""Moving an installation from one PSA to another: both sides, the plan, and the move itself."""
