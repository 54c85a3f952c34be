"""Data sets as their owners ship them: Pouring, PennAction and LeRobot's, and the kinds of files they come in."""
