"""Bytes to safe pixels, pixels to bytes, and where the bytes lie."""
