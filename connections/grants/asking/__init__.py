"""What is sent to authorization servers, in which dialect, as which client; and the log of it."""
