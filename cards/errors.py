"""Why no page can be made."""

from edge.errors import EdgeproofError


class CannotTell(EdgeproofError):
    """A fact that a page needs is missing, or belongs to another model; says what to run."""
