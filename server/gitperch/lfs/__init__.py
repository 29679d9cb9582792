"""Git LFS: large files beside a repository, by oid.

`routes` is the way in, `service` the batch API and transfers, `locks` who holds which file, `store` the bytes and what is known of
them. The protocol is that of git-lfs's `docs/api`; only the `basic` transfer is spoken.
"""
