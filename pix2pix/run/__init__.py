"""What a run leaves behind: its folder, checkpoints, log, samples and page, and what it says while it trains."""
