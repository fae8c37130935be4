"""What users of coverage.py bring along: the project's configuration, data files, contexts, files nobody imported.

Import from its files. The package coverage itself takes a tenth of a second to import: it is where it is needed.
"""
