"""Puts probes into Python code: that of functions and modules which exist, and of modules as they are imported.

Import from its files. As an attribute of pykcov, `instrument` is the function.
"""
