"""From the button to the stored tokens: the authorization code flow (RFC 6749 §4.1)."""
