"""One module per page: what it asks, what it shows, and what its forms do."""
