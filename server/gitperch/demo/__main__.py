"""`python -m gitperch.demo NAME NOW`: the history of a demo repository, as a stream for `git fast-import`, on standard output."""

from __future__ import annotations

import sys

from gitperch.demo import birdhouse, content, history, stream

if __name__ == "__main__":
    name, now = sys.argv[1], float(sys.argv[2])
    garden = name == "garden"
    parts = stream.fast_import(history.told(content.text("story.txt"), now)) if garden else birdhouse.stream(now)
    sys.stdout.buffer.writelines(parts)
