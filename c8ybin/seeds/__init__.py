"""Events and files to begin with: made up for the demo, or read from a folder or a tar; and the way back to nothing.

planting.py     events with their files into a store
clearing.py     everything out of it again
sowing.py       a tar or a folder, from its files to its events
files.py        which files are which events
folder.py       the files of a folder
archive.py      the files of a tar, in which nothing is trusted
demo.py         devices and a week of their events
pictures.py, papers.py      the files that the demo's events have
"""
