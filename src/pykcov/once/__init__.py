"""Probes that vanish once they were hit: which code ran at all, of a trace or of a service for weeks."""
