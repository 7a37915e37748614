"""What is carried to another machine: the wheel, a `.pyz` that needs only Python, and an executable that needs nothing.

Stands outside the package, as `bench/` and `attack/` do; `scripts/build` runs it.
"""
