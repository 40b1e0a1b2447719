"""python -m tests.library.child_documented TASK: one of `annotations`, `torch` and `keras`, of all public names.

`annotations` prints the names that lack types, a line each, then the frameworks that this has loaded. `torch` and
`keras` run the examples that import the framework, in the current folder, and print the names that they are of.
"""

import doctest
import sys

from tests.library.documented import CALLBACKS, OBJECTS, lacking, needs, public, unannotated, undocumented

if sys.argv[1] == "annotations":
    for name in OBJECTS:
        for lack in unannotated(public(name)):
            print(name, lack)
    print("loaded:", *sorted(sys.modules.keys() & {"torch", "keras", "tensorflow"}))
else:
    names = list(OBJECTS)
    if sys.argv[1] == "keras":
        import keras

        names = [f"drillcore.{name}" for name in sorted(CALLBACKS)]
        assert (
            public(names[0]) is public(names[1])
            and not undocumented(public(names[0]))
            and not lacking(public(names[0]).__init__)
        )
        keras.utils.set_random_seed(0)
    for name in names:
        if needs(public(name)) == sys.argv[1]:
            (example,) = doctest.DocTestFinder(recurse=False).find(public(name), name, globs={})
            assert not doctest.DocTestRunner().run(example).failed, name
            print(name)
