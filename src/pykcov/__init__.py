"""pykcov: kcov(4) for Python."""
