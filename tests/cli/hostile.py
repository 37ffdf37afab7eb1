"""hostile.py - strings that do things to a terminal, and what must never reach one."""
import re

HARMFUL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
PAINT = re.compile(r"\x1b\[[0-9;]*[mK]")  # what gloss itself paints with
ISOLATES = re.compile("[\u2068\u2069]")    # and sets right-to-left words apart with
NAME = "bad\x1b]0;title\x07\x1b[2J \u202egnp.exe\u202c csi\u009b31m del\x7f \u2066iso"
NOTE = NAME + "\r\nline two\ttab \x1b[31mred"


def left(text):
    """The harmful characters that are there beside gloss's own paint."""
    return HARMFUL.findall(ISOLATES.sub("", PAINT.sub("", text)))
