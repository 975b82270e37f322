"""Measures how fast the program is: in ratios, side by side in one run, against its floor and its peers."""
