"""Files that a reader or a crash finds whole: replaced atomically, grown line by line, locked by one process, numbered."""

from pawnzero.files.atomic import (
    check_folder,
    in_shell,
    linked_to,
    read_json,
    reading,
    replacing,
    set_aside,
    text_bytes,
    write_json,
)

__all__ = [
    "check_folder",
    "in_shell",
    "linked_to",
    "read_json",
    "reading",
    "replacing",
    "set_aside",
    "text_bytes",
    "write_json",
]
