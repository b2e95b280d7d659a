"""Whose models this device takes: signatures, the keys that it trusts, and versions it has had."""
