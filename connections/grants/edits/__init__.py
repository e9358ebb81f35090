"""What people do to a connection besides connecting it, and what follows from it."""
