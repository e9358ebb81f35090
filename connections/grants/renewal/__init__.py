"""Access tokens that live: leases, the journal, the clock, and what is stored (RFC 6749 §6)."""
