"""Workers: they take generations from the queue and make their images. No HTTP here, and no planning."""
