"""The one error type that ends xenbox with a message instead of a traceback."""

# Exit codes of xenbox itself; a command's own status is passed through.
TIMED_OUT = 124  # as timeout(1)
FAILED = 125  # as `docker run`: the box, not the command, failed


class XenboxError(Exception):
    """Something the user has to know: what happened, where, and what to do."""

    def __init__(self, message, code=FAILED):
        super().__init__(message)
        self.code = code
