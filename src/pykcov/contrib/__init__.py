"""pykcov inside other tools: test runners and web servers."""
