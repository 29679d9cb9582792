"""Code and diffs as HTML, drawn by a process of its own.

Colouring a file is slow in Python, a hostile one can keep a regular expression busy for ever, and both would hold up every other
request. So a small process does it: started when something is to be drawn, ended when nothing was for a while, or when it takes too long.
"""

import struct

LENGTH = struct.Struct("!I")  # before every request and every answer: its bytes
