"""Labels: what somebody marked in a video, in every form that is read or written, and which video it belongs to."""
