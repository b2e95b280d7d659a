"""Answers that hold still: smoothed over time, followed from frame to frame, skipped when still."""
