"""git over SSH, where `ssh.enabled` is set: keys of people and of repositories, and git's three commands, nothing else.

Only `server`, `connection` and `session` need asyncssh when they are imported; nothing imports them while SSH is off.
"""
