"""The store against a model of it: whatever is recorded, in whatever order, once or twice, and by two campaigns."""

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from pykcov.campaign.slices import Finding, Result, digest_of
from pykcov.campaign.store.store import SEEN_MAX, Store

HARNESSES = st.sampled_from(["a.py", "b.py"])
VERSIONS = st.sampled_from(["1", "2"])
TOP = 1 << 63
PLACES = st.sampled_from([1, 2, TOP, TOP + 1, (1 << 64) - 1])
FEATURES = st.tuples(PLACES, st.integers(0, 7))
INPUTS = st.binary(max_size=3)
TOKENS = st.sampled_from(["KeyError--f", "SIGSEGV--g"])


class Machine(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.path = str(Path(self.folder.name) / "store.db")
        self.now = 1.0
        self.store = self.opened()
        self.campaigns = [self.store.begin_campaign(word, "r1", 2) for word in ("x", "y")]
        self.words = 0
        self.reports: list[tuple[int, str, str, Result, dict[int, int]]] = []
        self.corpus: dict[str, set[str]] = {}
        self.reach: dict[tuple[str, str], dict[tuple[int, int], set[str]]] = {}
        self.seen: dict[tuple[str, str], dict[int, int]] = {}
        self.measured: dict[tuple[str, str], set[str]] = {}
        self.numbers: dict[tuple[str, str], int] = {}
        self.findings: dict[tuple[str, str], str] = {}
        self.sizes: dict[str, int] = {}

    def opened(self) -> Store:
        return Store(self.path, now=lambda: self.now)

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(
        campaign=st.integers(0, 1),
        harness=HARNESSES,
        version=VERSIONS,
        reach=st.dictionaries(INPUTS, st.lists(FEATURES, max_size=4, unique=True), max_size=4),
        unmeasured=st.lists(INPUTS, max_size=2),
        seen=st.dictionaries(PLACES, st.integers(1, 5), max_size=3),
        tokens=st.lists(TOKENS, max_size=2, unique=True),
    )
    def record(
        self,
        campaign: int,
        harness: str,
        version: str,
        reach: dict[bytes, list[tuple[int, int]]],
        unmeasured: list[bytes],
        seen: dict[int, int],
        tokens: list[str],
    ) -> None:
        self.now += 1
        new = {digest_of(data): data for data in [*reach, *unmeasured]}
        result = Result(
            "worker",
            "3.11",
            version,
            places=[[place, "f.py", 1, 2, "f"] for place in (1, 2, TOP, TOP + 1, (1 << 64) - 1)],
            new=new,
            reach={digest_of(data): rows for data, rows in reach.items()},
            unmeasured=tuple(digest_of(data) for data in unmeasured if data not in reach),
            findings=tuple(Finding(t, t.partition("-")[0], t, "report\0", b"in", None, "") for t in tokens),
            executions=7,
        )
        self.words += 1
        report = (self.campaigns[campaign], f"w{self.words}", harness, result, seen)
        self.reports.append(report)
        known = set(self.reach.get((harness, version), {}))
        recorded = self.store.record(*report)
        key = harness, version
        reached = {feature for rows in reach.values() for feature in rows}
        assert recorded.new_inputs == len(new.keys() - self.corpus.get(harness, set()))
        assert recorded.new_reach == len(reached - known)
        assert recorded.new_places == len({place for place, _ in reached} - {place for place, _ in known})
        self.corpus.setdefault(harness, set()).update(new)
        self.sizes |= {digest: len(data) for digest, data in new.items()}
        for data, rows in reach.items():
            for feature in rows:
                self.reach.setdefault(key, {}).setdefault(feature, set()).add(digest_of(data))
        for place, times in seen.items():
            before = self.seen.setdefault(key, {}).get(place, 0)
            self.seen[key][place] = min(before + min(times, SEEN_MAX), SEEN_MAX)
        self.measured.setdefault(key, set()).update(digest_of(data) for data in reach)
        self.numbers[key] = self.store.add_target(harness, version, "3.11", [])
        for token in tokens:
            state = self.findings.get((harness, token))
            assert (token in recorded.new_findings) == (state in (None, "fixed"))
            self.findings[harness, token] = "new" if state is None else "reopened" if state == "fixed" else state

    @rule(data=st.data())
    def record_again(self, data: st.DataObject) -> None:
        """As when the answer of a database was lost."""
        if self.reports:
            recorded = self.store.record(*data.draw(st.sampled_from(self.reports)))
            assert recorded.new_inputs == recorded.new_reach == 0
            assert recorded.new_findings == []

    @rule(harness=HARNESSES, datas=st.lists(INPUTS, max_size=3))
    def import_inputs(self, harness: str, datas: list[bytes]) -> None:
        new = {digest_of(data) for data in datas}
        assert self.store.add_inputs(harness, datas) == len(new - self.corpus.get(harness, set()))
        self.corpus.setdefault(harness, set()).update(new)

    @rule(data=st.data(), state=st.sampled_from(["known", "fixed", "new"]))
    def mark(self, data: st.DataObject, state: str) -> None:
        from pykcov.campaign.store.summary import finding_summaries

        found = finding_summaries(self.store)
        if found:
            chosen = data.draw(st.sampled_from(found))
            self.store.set_state(chosen.number, state)
            self.findings[chosen.harness, chosen.token] = state

    @rule()
    def open_again(self) -> None:
        self.store.close()
        self.store = self.opened()

    @invariant()
    def the_store_is_the_model(self) -> None:
        from pykcov.campaign.store.summary import finding_summaries

        for harness, digests in self.corpus.items():
            assert set(self.store.corpus(harness)) == digests
            assert {digest_of(data) for data in self.store.data(digests).values()} == digests
        for key, number in self.numbers.items():
            cover = self.store.cover(number)
            reach = self.reach.get(key, {})
            assert cover.keys() == reach.keys()
            for feature, holder in cover.items():
                assert holder.digest in reach[feature]
                assert holder.size == min(self.sizes[digest] for digest in reach[feature])
            assert {p: n for p, n in self.store.seen(number).items() if n} == self.seen.get(key, {})
            assert set(self.store.not_measured(number, key[0])) == self.corpus.get(key[0], set()) - self.measured[key]
        assert {(f.harness, f.token): f.state for f in finding_summaries(self.store)} == self.findings


Machine.TestCase.settings = settings(
    max_examples=int(os.environ.get("EXAMPLES", "12")),
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestStore = Machine.TestCase
