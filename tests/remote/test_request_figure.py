"""The figure in the documents is made from real traces."""

import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRACES = {
    "order": {"order_price", "order_reserve", "order_digest", "order_mail", "order_sent"},
    "search": {"search_index", "search_merge"},
    "health": {"health_look"},
}


def texts(file: Path) -> set[str]:
    return {element.text or "" for element in ElementTree.parse(file).iter("{http://www.w3.org/2000/svg}text")}


def test_the_way_of_a_request_is_drawn_from_its_trace(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "examples" / "request_figure.py", tmp_path / "figure.svg"], check=True)
    for file in (tmp_path / "figure.svg", ROOT / "docs" / "request.svg"):
        found = texts(file)
        legends = [text.removeprefix("the trace of ").split() for text in found if text.startswith("the trace of ")]
        assert {words[0][:-1]: {word.strip(",") for word in words[2::2]} for words in legends} == TRACES
        assert {"event loop", "thread of an executor", "process of a pool", "thread fed by a queue"} <= found
