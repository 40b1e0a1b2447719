"""What lets DVC and Snakemake go on after a kill, run from .venv/bin without activation, keep what a person wrote, and start
stages fast.

Both rewrite the files that they live by in place, so that a kill leaves half of one, which they then refuse; neither has
an option or a plugin for any of it. So drillcore_engines.pth, which pip puts beside this package, lets Python import it at
its start, and a few of their functions are changed as soon as their modules are loaded. Until then nothing is imported.
"""

import sys

KNOWN = {"dvc": "3.67.1", "snakemake": "9.27.1"}
"""The versions in requirements/pipeline.txt, which the changes are written for."""

CHANGES = {
    "dvc": "refuse_another",
    "dvc.cli": "find_own_commands",
    "dvc.config": "write_config_whole",
    "dvc.dependency.param": "read_parameters_once",
    "dvc.dvcfile": "rewrite_lock_fast",
    "dvc.parsing": "refuse_names",
    "dvc.rwlock": "write_rwlock_whole",
    "dvc.stage.run": "fork_stages",
    "dvc.utils.collections": "leave_what_is_equal",
    "dvc.utils.serialize._common": "write_data_whole",
    "dvc.utils.serialize._yaml": "write_yaml_well",
    "snakemake": "refuse_another",
    "snakemake.cli": "find_own_commands",
    "snakemake.persistence.file": "let_locks_end",
}
"""The function of `changes` for each module."""


class Finder:
    """Lets Python find the modules of the engines as ever, and changes them once they are loaded."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """The spec of a module in `CHANGES`; of others None, at which Python asks its next finder."""
        if name not in CHANGES:
            return None
        found = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not Finder)
        spec = next(filter(None, found), None)
        if spec:
            spec.loader.exec_module = changing(spec.loader.exec_module)
        return spec


def changing(load):
    """The function `load` of a module's loader, followed by the change to the module."""

    def load_and_change(module):
        load(module)
        from drillcore_engines import changes

        if module.__name__ in KNOWN or changes.known(module.__name__.partition(".")[0]):
            getattr(changes, CHANGES[module.__name__])(module)

    return load_and_change


sys.meta_path.insert(0, Finder)
