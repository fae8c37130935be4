"""The page of a campaign: `pykcov campaign serve`."""
