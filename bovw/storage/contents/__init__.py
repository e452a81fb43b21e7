"""What each kind of folder holds: a vocabulary, a segment, an index, a compressed index.

These modules do not know how a folder is locked, repaired, or changed.
"""
