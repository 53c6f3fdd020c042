"""The one door to other machines: what may be reached, by which way, and with which key. Every connection begins here."""
