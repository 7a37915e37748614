"""Calls for an fsync that need not show that something is lost without them, and why they are there."""

_TRIED = "it is there to see whether the file system can"
# Calls that nothing rests on, as `fsync_sites` writes them without their lines, and why they are there.
NEEDLESS = {
    "store/opening.py _make_locks: fsio.sync_directory(layout.locks)": "the next start makes what is missing",
    "store/repair.py _remove_staging: fsio.remove_with_last(folder, ALIVE)": "the next one removes the rest",
    "store/repair.py _make_lock: fsio.sync_directory(path.parent)": "the next start makes what is missing",
    "store/switch.py _begin_to_move_away: fsio.sync_directory(before)": (
        "that of the other directory does it, but where a disk may keep of a move the loss alone"
    ),
    "store/switch.py _remove_staging: fsio.remove_with_last(self.staging, ALIVE)": (
        "what is left is removed by the next restore without `alive`, too"
    ),
    "store/switch.py clean: fsio.remove_with_last(path, ALIVE)": "the next restore cleans again",
    "store/sweep.py _upload: fsio.sync_directory(home)": (
        "a void upload is in no list; one that became void since then was to go all the same"
    ),
    "store/uploads.py _again: fsio.sync_file(home / name)": "both were fsynced before the name that leads to them",
    "store/uploads.py _again: fsio.sync_directory(home)": "the journal, still there after a kill, was void before",
    "store/uploads.py _append: fsio.sync(fd)": "the bytes were fsynced before the line that counts them",
    "store/writer.py probe: fsio.draft(path)": "what it writes is removed again",
    "probes/acts.py _sync: fsio.sync_data(fd)": _TRIED,
    "probes/single.py sync_directory: fsio.sync_directory(folder)": _TRIED,
    "probes/single.py sync_file: fsio.sync(fd)": _TRIED,
    "probes/thorough.py sync_data: fsio.sync_data(fd)": _TRIED,
    "probes/thorough.py sync_time: fsio.draft(folder / f'durable-{number}')": _TRIED,
    "probes/thorough.py sync_time: fsio.sync_directory(folder)": _TRIED,
    "store/writer.py close: fsio.remove_with_last(self.folder, ALIVE)": "what is left is swept without `alive`, too",
    "store/sweep.py _dead: fsio.remove_with_last(folder, ALIVE)": "what is left is swept without `alive`, too",
}
# Calls that do the same, of which one is needed.
EITHER = {
    "store/disk.py _sync_parents: Durable(directories=(hour.parent, hour.parent.parent, self.layout.root))": (
        "store/opening.py prepare_directory: fsio.sync_directory(root)"
    ),
    # Of the data directory itself: the external ID that is added next needs it too.
    "store/disk.py make_durable: Durable(directories=self.directories_to(path))": (
        "store/singles.py put: Durable(directories=disk.directories_to(path))"
    ),
    "store/opening.py make_with_parents: fsio.sync_directory(directory.parent)": (
        "store/opening.py make_with_parents: fsio.sync_directory(directory)"
    ),
    "store/switch.py _move_in: fsio.sync_directory(root)": (
        "store/opening.py prepare_directory: fsio.sync_directory(root)"
    ),
    # Of the two directories of a rename.
    "store/switch.py _move_away: fsio.sync_directory(before)": (
        "store/switch.py _move_away: fsio.sync_directory(self.layout.root)"
    ),
    "store/repair.py _set_aside: fsio.sync_directory(folder)": (
        "store/repair.py _set_aside: fsio.sync_directory(folder)"
    ),
}
# Where the turns are those of many events, not of different directories.
OF_EACH_EVENT = {"store/sweep.py _clean: fsio.sync_directory(home)"}
