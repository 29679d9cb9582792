"""`python -m gitperch.demo NOW`: the demo's history, as a stream for `git fast-import`, on standard output."""

from __future__ import annotations

import sys

from gitperch.demo import content, history, stream

if __name__ == "__main__":
    sys.stdout.buffer.writelines(stream.fast_import(history.told(content.text("story.txt"), float(sys.argv[1]))))
