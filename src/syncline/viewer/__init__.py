"""The server and the page that play videos in step."""
