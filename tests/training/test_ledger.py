"""What was measured once is not measured again, not even by the next process."""

from pathlib import Path

from limner.training.ledger import Ledger


def test_a_result_is_measured_once(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "known.jsonl"
    asked: list[int] = []

    def measure() -> float:
        asked.append(1)
        return 0.25

    first = Ledger(path)
    assert first.once("position", measure) == first.once("position", measure) == 0.25
    assert Ledger(path).once("position", measure) == 0.25
    assert len(asked) == 1
