"""Search in a repository's whole history, on the server.

`grammar` reads what somebody typed, `segments` are files with the folded texts of the commits, `texts` knows which of them fit
the row index and has `build` make those that are missing; `matcher` looks in one segment, `answers` puts the stream together.
"""
