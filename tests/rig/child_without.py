"""python -m tests.rig.child_without FRAMEWORK "STAGE ARGUMENT" ... : run stages where a framework is not installed"""

import runpy
import sys

from tests.library.hiding import hide

MODULES = {"torch": ["torch", "torchvision", "safetensors"], "keras": ["keras", "tensorflow"]}

if __name__ == "__main__":
    framework, *stages = sys.argv[1:]
    hide(MODULES[framework])
    for stage in stages:
        name, *arguments = stage.split()
        sys.argv = [name, *arguments]
        runpy.run_module(f"stages.{name}", run_name="__main__", alter_sys=True)
