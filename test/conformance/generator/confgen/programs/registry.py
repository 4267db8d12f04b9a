"""The list of programs, and the tool that they share."""

PROGRAMS = []


def program(topic):
    """Registers a function `(v, out)` under a topic."""
    def register(fn):
        PROGRAMS.append((topic, fn))
        return fn
    return register


def leaf(t):
    return t.clone().requires_grad_()
