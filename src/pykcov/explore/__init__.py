"""`pykcov explore`: a page in a folder that answers who ran what, and what it compared.

`gather` reads files into an `Exploration`, `folder` writes it with the page, whose sources are in web/.
"""
