"""What the services share: the coverage that the test asks for."""

import os
from pathlib import Path

from pykcov.contrib.web import RequestCoverage

# Not those of this file, which all would share.
FILES = Path(__file__).parent / "routes"

coverage = RequestCoverage(
    source=[FILES], data_file=os.environ["DATA_FILE"], sample=float(os.environ.get("SAMPLE", "1")), every=-1
)
