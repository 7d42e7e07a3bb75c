"""From a robot's store into ours: incremental, idempotent, resumable; and runs, written from what links observe."""
