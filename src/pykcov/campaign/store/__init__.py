"""The store of campaigns: a database of targets, inputs, what they reach, findings and slices."""
