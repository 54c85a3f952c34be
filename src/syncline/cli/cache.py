"""``syncline cache``: where the feature cache is, how large it is, and clearing it."""

from __future__ import annotations

import argparse

EXAMPLE = """\
Features and decoded pictures (of training from pixels) can always be made again: clearing costs time only.

examples:
  syncline cache
  syncline cache clear
  syncline cache clear --backbone tf_efficientnet_lite0
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments."""
    parser.epilog = EXAMPLE
    parser.add_argument("what", nargs="?", choices=("list", "clear"), default="list", help="(default: list)")
    parser.add_argument("--backbone", help="only features of this backbone")
    parser.add_argument("--cache", help="folder of the feature cache (default: the user's)")
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> None:
    """Lists or clears the cache."""
    import json

    from syncline.encoder import cache_info, clear_cache
    from syncline.files import cache_folder
    from syncline.views.pixel_store import stored_pictures
    from syncline.wording import counted

    root = arguments.cache or str(cache_folder() / "features")
    entries = [entry for entry in cache_info(root) if arguments.backbone in (None, entry.backbone)]
    folder, pictures = stored_pictures()
    if arguments.cache is not None or arguments.backbone is not None:
        pictures = []  # features alone are asked for
    size = sum(file.stat().st_size for file in pictures)
    if arguments.what == "clear":
        freed = clear_cache(root, entries=entries)
        for file in pictures:
            file.unlink(missing_ok=True)
        freed += size
        print(json.dumps({"root": root, "freed": freed}) if arguments.json else f"{freed / 1e6:.1f} MB freed in {root}")
        return
    if arguments.json:
        rows = [{"folder": str(e.folder), "backbone": e.backbone, "files": e.files, "bytes": e.bytes} for e in entries]
        stored = {"folder": str(folder), "files": len(pictures), "bytes": size}
        print(json.dumps({"root": root, "entries": rows, "pictures": stored}))
        return
    print(f"{root}: {sum(entry.bytes for entry in entries) / 1e6:.1f} MB")
    for entry in entries:
        print(f"  {entry.backbone:<32} {counted(entry.files, 'video'):>14} {entry.bytes / 1e6:10.1f} MB")
    if pictures:
        print(f"{folder}, decoded pictures: {counted(len(pictures), 'video')}, {size / 1e6:.1f} MB")
