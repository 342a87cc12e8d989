"""PSAs: the systems that invoice, and that agreed quantities are written back to."""
