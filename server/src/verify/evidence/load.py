"""Imports a file of a project as the project would; stands before what needs it."""
import importlib
import os
import sys


def load(path):
    """The module at `path`: by its dotted name below the first directory that is no package."""
    path = os.path.abspath(path)
    names = [os.path.splitext(os.path.basename(path))[0]]
    home = os.path.dirname(path)
    while os.path.exists(os.path.join(home, "__init__.py")):
        names.insert(0, os.path.basename(home))
        home = os.path.dirname(home)
    if names[-1] == "__init__" and len(names) > 1:
        names.pop()
    sys.path.insert(0, home)
    return importlib.import_module(".".join(names))


