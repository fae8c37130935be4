"""Campaigns: many targets, many workers, one store of what was found."""
