"""What any folder on disk needs: it is written whole, read with care, locked, and listed.

It knows files, sizes and hashes. It does not know what a vocabulary or an index holds.
"""
