"""Embedded views -> one number. One method, one file."""
