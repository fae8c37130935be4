"""Traces as data: what entries and pcs stand for, and the files that hold them."""
