"""Names inside a session's folder."""

JOURNAL = "journal.sqlite"
SNAPSHOTS = "snapshots"
MODELS = "models"
