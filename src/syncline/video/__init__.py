"""Files <-> frames: which frames a file holds and when each is shown, exact reading, scanning, writing."""
