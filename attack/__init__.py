"""What tries to shut others out of c8ybin, or to get in: `scripts/attack`."""
